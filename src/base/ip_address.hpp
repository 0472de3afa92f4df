// SPDX-License-Identifier: Apache-2.0
// Addresses, ports and prefixes of both IP versions as values.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sandbox {

/// An IPv4 or IPv6 address. Default: 0.0.0.0.
class IpAddress {
  public:
    IpAddress() = default;
    /// @param bytes in network order, as they stand in a packet
    explicit IpAddress(const std::array<std::uint8_t, 4>& bytes) noexcept;
    explicit IpAddress(const std::array<std::uint8_t, 16>& bytes) noexcept : bytes_(bytes), is_ipv6_(true) {}

    [[nodiscard]] bool is_ipv6() const noexcept { return is_ipv6_; }
    /// 4 or 16 of them, in network order.
    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept {
        return std::span{bytes_}.first(is_ipv6_ ? 16 : 4);
    }
    /// 127/8, ::1, and the IPv4-mapped form of the former.
    [[nodiscard]] bool is_loopback() const noexcept;
    /// 169.254/16 (RFC 3927), where clouds keep their metadata services, and fe80::/10 (RFC 4291).
    [[nodiscard]] bool is_link_local() const noexcept;
    /// 0.0.0.0 or ::.
    [[nodiscard]] bool is_unspecified() const noexcept;
    /// ::ffff:1.2.3.4 as 1.2.3.4 (RFC 4291, 2.5.5.2); any other as it is.
    [[nodiscard]] IpAddress unmapped() const noexcept;

    // The tool takes the 0 in what the compiler makes of this for a null pointer.
    friend auto operator<=>(const IpAddress&, const IpAddress&) = default; // NOLINT(modernize-use-nullptr)

  private:
    std::array<std::uint8_t, 16> bytes_{}; ///< IPv4: the first four
    bool is_ipv6_ = false;
};

/// Numeric only, without brackets or zone. inet_pton(3).
std::optional<IpAddress> parse_ip_address(std::string_view text);
std::string to_string(const IpAddress& address);

/// An address and a port in host order.
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;

    // The tool takes the 0 in what the compiler makes of this for a null pointer.
    friend auto operator<=>(const Endpoint&, const Endpoint&) = default; // NOLINT(modernize-use-nullptr)
};

/// "1.2.3.4:80", "[::1]:80".
std::string to_string(const Endpoint& endpoint);

/// What bind(2) and connect(2) take.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    SocketAddress() = default;
    explicit SocketAddress(const Endpoint& endpoint) noexcept;
    [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
    [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
    /// Of AF_INET and AF_INET6; an IPv4-mapped address becomes IPv4. Anything else is 0.0.0.0:0.
    [[nodiscard]] Endpoint endpoint() const noexcept;
};

/// A CIDR block (RFC 4632).
struct IpPrefix {
    IpAddress address;
    unsigned bits = 0; ///< up to 32 or 128

    [[nodiscard]] bool contains(const IpAddress& other) const noexcept;
};

/// "ADDRESS/BITS"; bits below the mask may be set. A bare address is a prefix of its full length.
std::optional<IpPrefix> parse_ip_prefix(std::string_view text);

} // namespace sandbox

template <>
struct std::hash<sandbox::IpAddress> {
    std::size_t operator()(const sandbox::IpAddress& address) const noexcept;
};
template <>
struct std::hash<sandbox::Endpoint> {
    std::size_t operator()(const sandbox::Endpoint& endpoint) const noexcept;
};
