// SPDX-License-Identifier: Apache-2.0
// What sandbox-net reads from a frame, and which frames are none that it answers.
#include "net/packet.hpp"
#include "net_frames.hpp"

namespace sandbox::net {
namespace {

Frame with_payload(Frame header, const std::string& text) {
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    header.insert(header.end(), bytes, bytes + text.size());
    return header;
}

Frame segment(unsigned flags, const std::string& text = "") {
    Frame header = transport(tcp, 443, 50000);
    header[13] = static_cast<std::byte>(flags);
    return with_payload(header, text);
}

Frame datagram(const std::string& text, int length_error = 0) {
    Frame result = with_payload(transport(udp, 53, 50000), text);
    result[5] = static_cast<std::byte>(static_cast<int>(result.size()) + length_error);
    return result;
}

std::string text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(ParsePacket, AnIpv4SegmentTellsWhoTalksToWhom) {
    const Frame frame = Ipv4{.payload = segment(tcp_syn, "data")}.frame();
    const auto packet = parse_packet(frame);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->protocol, Protocol::tcp);
    EXPECT_EQ(to_string(packet->source), "10.0.2.15:50000");
    EXPECT_EQ(to_string(packet->destination), "198.51.100.7:443");
    EXPECT_EQ(packet->tcp_flags, tcp_syn);
    EXPECT_EQ(text_of(packet->payload), "data");
    EXPECT_EQ(packet->frame.data(), frame.data());
    EXPECT_EQ(packet->ip.data(), frame.data() + 14);
    EXPECT_EQ(packet->transport.data(), frame.data() + 34);
    EXPECT_EQ(packet->ip.size(), 44U);
}

TEST(ParsePacket, AnIpv6DatagramTellsWhoTalksToWhom) {
    const Frame frame = Ipv6{.protocol = udp, .payload = datagram("question")}.frame();
    const auto packet = parse_packet(frame);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->protocol, Protocol::udp);
    EXPECT_EQ(to_string(packet->source), "[fd00::15]:50000");
    EXPECT_EQ(to_string(packet->destination), "[2001:db8::7]:53");
    EXPECT_EQ(text_of(packet->payload), "question");
    EXPECT_EQ(packet->transport.data(), frame.data() + 54);
}

TEST(ParsePacket, AnEchoRequestHasNoPorts) {
    const Frame ipv4 = Ipv4{.protocol = icmp, .payload = with_payload(transport(icmp), "ping")}.frame();
    const Frame ipv6 = Ipv6{.protocol = icmpv6, .payload = with_payload(transport(icmpv6), "ping")}.frame();
    for (const Frame& frame : {ipv4, ipv6}) {
        const auto packet = parse_packet(frame);
        ASSERT_TRUE(packet);
        EXPECT_EQ(packet->source.port, 0);
        EXPECT_EQ(packet->destination.port, 0);
        EXPECT_EQ(text_of(packet->payload), "ping");
    }
}

TEST(ParsePacket, ASynIsAConnectionsFirstSegmentOnly) {
    const auto is_syn = [](unsigned flags) {
        const Frame frame = Ipv4{.payload = segment(flags)}.frame();
        const auto packet = parse_packet(frame);
        return packet && packet->is_syn();
    };
    constexpr unsigned congestion_bits = 0xc0; // RFC 3168, 6.1.1: a SYN that offers ECN has both
    EXPECT_TRUE(is_syn(tcp_syn));
    EXPECT_TRUE(is_syn(tcp_syn | congestion_bits));
    for (const unsigned flags : {0U, 0U + tcp_ack, 0U + tcp_syn + tcp_ack, 0U + tcp_syn + tcp_rst,
                                 0U + tcp_syn + tcp_fin, 0U + tcp_fin}) {
        EXPECT_FALSE(is_syn(flags)) << flags;
    }
    const Frame other = Ipv4{.protocol = udp, .payload = datagram("x")}.frame();
    EXPECT_FALSE(parse_packet(other)->is_syn());
}

TEST(ParsePacket, OptionsAreNoPayload) {
    Frame with_options = transport(tcp);
    with_options[12] = std::byte{0x60};
    with_options.resize(24);
    const Frame frame = Ipv4{.payload = with_payload(with_options, "data")}.frame();
    EXPECT_EQ(text_of(parse_packet(frame)->payload), "data");

    Ipv4 packet;
    packet.version_and_length = 0x46; // four bytes of IP options before the transport
    packet.payload = with_payload(Frame(4), text_of(segment(tcp_syn, "data")));
    const Frame longer = packet.frame();
    EXPECT_EQ(text_of(parse_packet(longer)->payload), "data");
}

// A frame shorter than 60 bytes is padded on real Ethernet.
TEST(ParsePacket, WhatFollowsThePacketIsNoneOfIt) {
    for (Frame frame : {Ipv4{.payload = segment(tcp_ack, "data")}.frame(),
                        Ipv6{.payload = segment(tcp_ack, "data")}.frame()}) {
        frame.resize(frame.size() + 6, std::byte{0xee});
        const auto packet = parse_packet(frame);
        ASSERT_TRUE(packet);
        EXPECT_EQ(text_of(packet->payload), "data");
    }
    const Frame shorter = Ipv4{.protocol = udp, .payload = datagram("data", -2)}.frame();
    EXPECT_EQ(text_of(parse_packet(shorter)->payload), "da");
}

TEST(ParsePacket, EveryPrefixOfAFrameIsRefused) {
    const Frame frames[] = {
        Ipv4{.payload = segment(tcp_syn)}.frame(), Ipv4{.protocol = udp, .payload = datagram("")}.frame(),
        Ipv4{.protocol = icmp, .payload = transport(icmp)}.frame(), Ipv6{.payload = segment(tcp_syn)}.frame(),
        Ipv6{.protocol = icmpv6, .payload = transport(icmpv6)}.frame()};
    for (const Frame& frame : frames) {
        ASSERT_TRUE(parse_packet(frame));
        for (std::size_t size = 0; size < frame.size(); ++size) {
            const Frame cut{frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size)};
            EXPECT_FALSE(parse_packet(cut)) << size;
        }
    }
}

TEST(ParsePacket, LengthsThatContradictAreRefused) {
    EXPECT_FALSE(parse_packet(Ipv4{.length_error = 1}.frame()));
    EXPECT_FALSE(parse_packet(Ipv4{.length_error = -1}.frame())); // cuts the TCP header
    EXPECT_FALSE(parse_packet(Ipv6{.length_error = 1}.frame()));
    EXPECT_FALSE(parse_packet(Ipv6{.length_error = -20}.frame()));
    EXPECT_FALSE(parse_packet(Ipv4{.protocol = udp, .payload = datagram("x", 1)}.frame()));
    EXPECT_FALSE(parse_packet(Ipv4{.protocol = udp, .payload = datagram("x", -2)}.frame()));
    for (const unsigned version_and_length : {0x44U, 0x65U, 0x4fU, 0x05U}) {
        EXPECT_FALSE(parse_packet(Ipv4{.version_and_length = version_and_length}.frame()))
            << version_and_length;
    }
    EXPECT_FALSE(parse_packet(Ipv6{.version = 0x40}.frame()));
    for (const unsigned offset : {0x00U, 0x40U, 0x60U, 0xf0U}) {
        Frame payload = transport(tcp);
        payload[12] = static_cast<std::byte>(offset);
        EXPECT_FALSE(parse_packet(Ipv4{.payload = payload}.frame())) << offset;
    }
}

TEST(ParsePacket, FragmentsAreRefused) {
    constexpr unsigned more_fragments = 0x2000;
    constexpr unsigned do_not_fragment = 0x4000;
    EXPECT_FALSE(parse_packet(Ipv4{.fragment = more_fragments}.frame()));
    EXPECT_FALSE(parse_packet(Ipv4{.fragment = 1}.frame()));
    EXPECT_FALSE(parse_packet(Ipv4{.fragment = 0x1fff}.frame()));
    EXPECT_TRUE(parse_packet(Ipv4{.fragment = do_not_fragment}.frame()));
}

TEST(ParsePacket, OtherProtocolsAreRefused) {
    EXPECT_FALSE(parse_packet(arp(1, "10.0.2.15", "10.0.2.2")));
    EXPECT_FALSE(parse_packet(ethernet(0x8100)));
    EXPECT_FALSE(parse_packet(Ipv4{.protocol = 47}.frame()));
    EXPECT_FALSE(parse_packet(Ipv6{.protocol = 0}.frame())); // hop-by-hop options
    EXPECT_FALSE(parse_packet({}));
}

// An answer to it would be made with the wrong checksum and type.
TEST(ParsePacket, EachVersionHasItsOwnIcmp) {
    EXPECT_FALSE(parse_packet(Ipv4{.protocol = icmpv6, .payload = transport(icmpv6)}.frame()));
    EXPECT_FALSE(parse_packet(Ipv6{.protocol = icmp, .payload = transport(icmp)}.frame()));
}

} // namespace
} // namespace sandbox::net
