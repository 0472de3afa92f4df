// SPDX-License-Identifier: Apache-2.0
// Fields of packets, read in network byte order. The caller has checked that they lie within the span.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/ip_address.hpp"

namespace sandbox::net {

using Bytes = std::span<const std::byte>;

inline unsigned byte_at(Bytes bytes, std::size_t at) noexcept {
    return std::to_integer<unsigned>(bytes[at]);
}

inline unsigned word_at(Bytes bytes, std::size_t at) noexcept {
    return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

inline std::uint32_t long_at(Bytes bytes, std::size_t at) noexcept {
    return word_at(bytes, at) << 16 | word_at(bytes, at + 2);
}

/// @tparam Address an array of 4 or 16 bytes
template <typename Address>
Address address_at(Bytes bytes, std::size_t at) noexcept {
    Address address{};
    std::ranges::transform(bytes.subspan(at, address.size()), address.begin(),
                           [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
    return address;
}

} // namespace sandbox::net
