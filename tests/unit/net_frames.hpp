// SPDX-License-Identifier: Apache-2.0
// Frames for the tests of sandbox-net's filter, built field by field.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/frame_filter.hpp"

namespace sandbox::net {

using Frame = std::vector<std::byte>;

constexpr int icmp = 1;
constexpr int tcp = 6;
constexpr int udp = 17;
constexpr int icmpv6 = 58;

inline void put8(Frame& frame, unsigned value) {
    frame.push_back(static_cast<std::byte>(value & 0xff));
}

inline void put16(Frame& frame, unsigned value) {
    put8(frame, value >> 8);
    put8(frame, value);
}

inline void put_address(Frame& frame, int family, const std::string& text) {
    in6_addr address{};
    ASSERT_EQ(::inet_pton(family, text.c_str(), &address), 1) << text;
    const auto* bytes = reinterpret_cast<const std::byte*>(&address);
    frame.insert(frame.end(), bytes, bytes + (family == AF_INET ? 4 : 16));
}

inline Frame ethernet(unsigned ethertype) {
    Frame frame(12, std::byte{0x52});
    put16(frame, ethertype);
    return frame;
}

/// A transport header of the protocol with empty content.
inline Frame transport(int protocol, unsigned destination_port = 80, unsigned source_port = 40000) {
    Frame payload;
    if (protocol == icmp || protocol == icmpv6) {
        put8(payload, protocol == icmp ? 8 : 128);
        payload.resize(8);
        return payload;
    }
    put16(payload, source_port);
    put16(payload, destination_port);
    if (protocol == udp) {
        put16(payload, 8);
        payload.resize(8);
    } else {
        payload.resize(20);
        payload[12] = std::byte{0x50};
    }
    return payload;
}

struct Ipv4 {
    std::string source = "10.0.2.15";
    std::string destination = "198.51.100.7";
    int protocol = tcp;
    unsigned version_and_length = 0x45;
    unsigned fragment = 0;
    int length_error = 0; ///< added to the true total length
    Frame payload = transport(tcp);

    [[nodiscard]] Frame frame() const {
        Frame result = ethernet(0x0800);
        put8(result, version_and_length);
        put8(result, 0);
        put16(result, static_cast<unsigned>(20 + static_cast<int>(payload.size()) + length_error));
        put16(result, 1);
        put16(result, fragment);
        put8(result, 64);
        put8(result, static_cast<unsigned>(protocol));
        put16(result, 0);
        put_address(result, AF_INET, source);
        put_address(result, AF_INET, destination);
        result.insert(result.end(), payload.begin(), payload.end());
        return result;
    }
};

struct Ipv6 {
    std::string source = "fd00::15";
    std::string destination = "2001:db8::7";
    int protocol = tcp;
    unsigned version = 0x60;
    unsigned hop_limit = 255;
    int length_error = 0;
    Frame payload = transport(tcp);

    [[nodiscard]] Frame frame() const {
        Frame result = ethernet(0x86dd);
        put8(result, version);
        put8(result, 0);
        put16(result, 0);
        put16(result, static_cast<unsigned>(static_cast<int>(payload.size()) + length_error));
        put8(result, static_cast<unsigned>(protocol));
        put8(result, hop_limit);
        put_address(result, AF_INET6, source);
        put_address(result, AF_INET6, destination);
        result.insert(result.end(), payload.begin(), payload.end());
        return result;
    }
};

inline Frame arp(unsigned operation, const std::string& sender, const std::string& target) {
    Frame frame = ethernet(0x0806);
    put16(frame, 1);
    put16(frame, 0x0800);
    put8(frame, 6);
    put8(frame, 4);
    put16(frame, operation);
    frame.resize(frame.size() + 6);
    put_address(frame, AF_INET, sender);
    frame.resize(frame.size() + 6);
    put_address(frame, AF_INET, target);
    return frame;
}

inline Frame neighbour_message(unsigned type, std::size_t size = 24) {
    Frame payload(size);
    payload[0] = static_cast<std::byte>(type);
    return payload;
}

inline Verdict judge(const Frame& frame) {
    return judge_frame(frame, true);
}

inline Verdict judge_tcp_to(const std::string& address) {
    if (address.find(':') != std::string::npos) {
        Ipv6 packet;
        packet.destination = address;
        return judge(packet.frame());
    }
    Ipv4 packet;
    packet.destination = address;
    return judge(packet.frame());
}

inline Verdict judge_udp_to(const std::string& address, unsigned port,
                            const std::string& source = "10.0.2.15", unsigned source_port = 40000) {
    Ipv4 packet;
    packet.source = source;
    packet.destination = address;
    packet.protocol = udp;
    packet.payload = transport(udp, port, source_port);
    return judge(packet.frame());
}

inline Verdict judge_udp6_to(const std::string& address, unsigned port,
                             const std::string& source = "fd00::15") {
    Ipv6 packet;
    packet.source = source;
    packet.destination = address;
    packet.protocol = udp;
    packet.payload = transport(udp, port);
    return judge(packet.frame());
}

inline Verdict judge_neighbour(unsigned type, const std::string& source, const std::string& destination,
                               std::size_t size = 24, unsigned hop_limit = 255) {
    Ipv6 packet;
    packet.source = source;
    packet.destination = destination;
    packet.protocol = icmpv6;
    packet.hop_limit = hop_limit;
    packet.payload = neighbour_message(type, size);
    return judge(packet.frame());
}

} // namespace sandbox::net
