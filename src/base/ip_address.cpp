// SPDX-License-Identifier: Apache-2.0
// Addresses as text, as socket addresses, and as members of a prefix.
#include "base/ip_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace sandbox {

namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

} // namespace

IpAddress::IpAddress(const std::array<std::uint8_t, 4>& bytes) noexcept {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

bool IpAddress::is_loopback() const noexcept {
    const IpAddress plain = unmapped();
    if (!plain.is_ipv6_) {
        return plain.bytes_[0] == 127;
    }
    return std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto byte) { return byte == 0; }) &&
           bytes_[15] == 1;
}

bool IpAddress::is_link_local() const noexcept {
    const IpAddress plain = unmapped();
    return plain.is_ipv6_ ? plain.bytes_[0] == 0xfe && (plain.bytes_[1] & 0xc0) == 0x80
                          : plain.bytes_[0] == 169 && plain.bytes_[1] == 254;
}

bool IpAddress::is_unspecified() const noexcept {
    return std::all_of(bytes_.begin(), bytes_.end(), [](auto byte) { return byte == 0; });
}

IpAddress IpAddress::unmapped() const noexcept {
    if (!is_ipv6_ || !std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes_.begin())) {
        return *this;
    }
    return IpAddress{std::array{bytes_[12], bytes_[13], bytes_[14], bytes_[15]}};
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) {
        return std::nullopt; // inet_pton would not look behind it
    }
    const std::string copy{text};
    std::array<std::uint8_t, 4> ipv4{};
    if (::inet_pton(AF_INET, copy.c_str(), ipv4.data()) == 1) {
        return IpAddress{ipv4};
    }
    std::array<std::uint8_t, 16> ipv6{};
    if (::inet_pton(AF_INET6, copy.c_str(), ipv6.data()) == 1) {
        return IpAddress{ipv6};
    }
    return std::nullopt;
}

std::string to_string(const IpAddress& address) {
    char text[INET6_ADDRSTRLEN];
    return ::inet_ntop(address.is_ipv6() ? AF_INET6 : AF_INET, address.bytes().data(), text, sizeof text);
}

std::string to_string(const Endpoint& endpoint) {
    const std::string address = to_string(endpoint.address);
    return (endpoint.address.is_ipv6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port);
}

SocketAddress::SocketAddress(const Endpoint& endpoint) noexcept {
    if (endpoint.address.is_ipv6()) {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(endpoint.port);
        std::memcpy(&address.sin6_addr, endpoint.address.bytes().data(), sizeof address.sin6_addr);
        std::memcpy(&storage, &address, sizeof address);
        size = sizeof address;
    } else {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(endpoint.port);
        std::memcpy(&address.sin_addr, endpoint.address.bytes().data(), sizeof address.sin_addr);
        std::memcpy(&storage, &address, sizeof address);
        size = sizeof address;
    }
}

Endpoint SocketAddress::endpoint() const noexcept {
    if (storage.ss_family == AF_INET) {
        sockaddr_in address{};
        std::memcpy(&address, &storage, sizeof address);
        std::array<std::uint8_t, 4> bytes{};
        std::memcpy(bytes.data(), &address.sin_addr, bytes.size());
        return {IpAddress{bytes}, ntohs(address.sin_port)};
    }
    if (storage.ss_family == AF_INET6) {
        sockaddr_in6 address{};
        std::memcpy(&address, &storage, sizeof address);
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
        return {IpAddress{bytes}.unmapped(), ntohs(address.sin6_port)};
    }
    return {};
}

bool IpPrefix::contains(const IpAddress& other) const noexcept {
    if (address.is_ipv6() != other.is_ipv6()) {
        return false;
    }
    const auto mine = address.bytes();
    const auto theirs = other.bytes();
    const std::size_t whole = bits / 8;
    if (!std::equal(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(whole), theirs.begin())) {
        return false;
    }
    const unsigned rest = bits % 8;
    return rest == 0 || (mine[whole] ^ theirs[whole]) >> (8 - rest) == 0;
}

std::optional<IpPrefix> parse_ip_prefix(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = parse_ip_address(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    const unsigned longest = address->is_ipv6() ? 128 : 32;
    if (slash == std::string_view::npos) {
        return IpPrefix{*address, longest};
    }
    const auto bits = parse_number(text.substr(slash + 1), longest);
    if (!bits) {
        return std::nullopt;
    }
    return IpPrefix{*address, static_cast<unsigned>(*bits)};
}

} // namespace sandbox

std::size_t std::hash<sandbox::IpAddress>::operator()(const sandbox::IpAddress& address) const noexcept {
    const auto bytes = address.bytes();
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::size_t std::hash<sandbox::Endpoint>::operator()(const sandbox::Endpoint& endpoint) const noexcept {
    return std::hash<sandbox::IpAddress>{}(endpoint.address) * 31 + endpoint.port;
}
