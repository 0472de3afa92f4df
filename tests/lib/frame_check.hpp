// SPDX-License-Identifier: Apache-2.0
// Frames held against their RFCs by other means than those that made them: unit tests and fuzzers share it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sandbox::test {

/// The one's complement sum of RFC 1071 in its own words: each addition brings its carry around at once. A
/// text with a right checksum in it gives 0xffff.
inline unsigned ones_sum(std::span<const std::byte> text, unsigned sum = 0) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const unsigned byte = std::to_integer<unsigned>(text[i]);
        sum += i % 2 == 0 ? byte * 256 : byte;
        if (sum > 0xffff) {
            sum -= 0xffff;
        }
    }
    return sum;
}

inline unsigned number_at(std::span<const std::byte> text, std::size_t at, std::size_t size = 2) {
    unsigned number = 0;
    for (std::size_t i = at; i < at + size; ++i) {
        number = number * 256 + std::to_integer<unsigned>(text[i]);
    }
    return number;
}

/// What is wrong with a whole, unfragmented frame of TCP, UDP or ICMP over IP: a length, version or checksum;
/// "" where nothing is.
inline std::string flaw_of(std::span<const std::byte> frame) {
    if (frame.size() < 34) {
        return "shorter than its headers";
    }
    const unsigned ethertype = number_at(frame, 12);
    const bool is_ipv6 = ethertype == 0x86dd;
    if (!is_ipv6 && ethertype != 0x0800) {
        return "not IP";
    }
    const auto ip = frame.subspan(14);
    const std::size_t header = is_ipv6 ? 40 : 20;
    if (number_at(ip, 0, 1) >> 4 != (is_ipv6 ? 6U : 4U) || (!is_ipv6 && number_at(ip, 0, 1) != 0x45)) {
        return "wrong version or header length";
    }
    if (ip.size() < header || ip.size() != (is_ipv6 ? number_at(ip, 4) + header : number_at(ip, 2))) {
        return "the IP length is not the frame's";
    }
    if (!is_ipv6 && ones_sum(ip.first(header)) != 0xffff) {
        return "wrong IP header checksum";
    }
    const unsigned protocol = number_at(ip, is_ipv6 ? 6 : 9, 1);
    const auto transport = ip.subspan(header);
    std::vector<std::byte> pseudo; // RFC 9293, 3.1; RFC 768; RFC 8200, 8.1
    if (protocol != 1) {
        const auto addresses = ip.subspan(is_ipv6 ? 8 : 12, is_ipv6 ? 32 : 8);
        pseudo.assign(addresses.begin(), addresses.end());
        for (const std::size_t value : {transport.size() >> 8, transport.size() & 0xff, std::size_t{0},
                                        static_cast<std::size_t>(protocol)}) {
            pseudo.push_back(static_cast<std::byte>(value));
        }
    }
    if (protocol == 17 && (transport.size() < 8 || number_at(transport, 4) != transport.size())) {
        return "the UDP length is not the packet's";
    }
    if (protocol == 17 && number_at(transport, 6) == 0) {
        return "no UDP checksum";
    }
    return ones_sum(transport, ones_sum(pseudo)) == 0xffff ? "" : "wrong transport checksum";
}

} // namespace sandbox::test
