// SPDX-License-Identifier: Apache-2.0
// The frame filter of sandbox-net, one behaviour a test: what passes, and why what does not is dropped.
#include "net/frame_filter.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sandbox::net {

namespace {

using Frame = std::vector<std::byte>;

constexpr int icmp = 1;
constexpr int tcp = 6;
constexpr int udp = 17;
constexpr int icmpv6 = 58;

void put8(Frame& frame, unsigned value) {
    frame.push_back(static_cast<std::byte>(value & 0xff));
}

void put16(Frame& frame, unsigned value) {
    put8(frame, value >> 8);
    put8(frame, value);
}

void put_address(Frame& frame, int family, const std::string& text) {
    in6_addr address{};
    ASSERT_EQ(::inet_pton(family, text.c_str(), &address), 1) << text;
    const auto* bytes = reinterpret_cast<const std::byte*>(&address);
    frame.insert(frame.end(), bytes, bytes + (family == AF_INET ? 4 : 16));
}

Frame ethernet(unsigned ethertype) {
    Frame frame(12, std::byte{0x52});
    put16(frame, ethertype);
    return frame;
}

/// A transport header of the protocol with empty content.
Frame transport(int protocol, unsigned destination_port = 80, unsigned source_port = 40000) {
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

Frame arp(unsigned operation, const std::string& sender, const std::string& target) {
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

Frame neighbour_message(unsigned type, std::size_t size = 24) {
    Frame payload(size);
    payload[0] = static_cast<std::byte>(type);
    return payload;
}

Verdict judge(const Frame& frame) {
    return judge_frame(frame, true);
}

Verdict judge_tcp_to(const std::string& address) {
    if (address.find(':') != std::string::npos) {
        Ipv6 packet;
        packet.destination = address;
        return judge(packet.frame());
    }
    Ipv4 packet;
    packet.destination = address;
    return judge(packet.frame());
}

Verdict judge_udp_to(const std::string& address, unsigned port, const std::string& source = "10.0.2.15",
                     unsigned source_port = 40000) {
    Ipv4 packet;
    packet.source = source;
    packet.destination = address;
    packet.protocol = udp;
    packet.payload = transport(udp, port, source_port);
    return judge(packet.frame());
}

Verdict judge_udp6_to(const std::string& address, unsigned port, const std::string& source = "fd00::15") {
    Ipv6 packet;
    packet.source = source;
    packet.destination = address;
    packet.protocol = udp;
    packet.payload = transport(udp, port);
    return judge(packet.frame());
}

Verdict judge_neighbour(unsigned type, const std::string& source, const std::string& destination,
                        std::size_t size = 24, unsigned hop_limit = 255) {
    Ipv6 packet;
    packet.source = source;
    packet.destination = destination;
    packet.protocol = icmpv6;
    packet.hop_limit = hop_limit;
    packet.payload = neighbour_message(type, size);
    return judge(packet.frame());
}

// ---- Ethernet --------------------------------------------------------------------------------------------

TEST(FrameFilterEthernet, AnEmptyFrameIsMalformed) {
    EXPECT_EQ(judge({}), Verdict::malformed);
}

TEST(FrameFilterEthernet, AFrameShorterThanItsHeaderIsMalformed) {
    EXPECT_EQ(judge(Frame(13)), Verdict::malformed);
}

TEST(FrameFilterEthernet, AVlanTagIsDropped) {
    for (const unsigned tag : {0x8100U, 0x88a8U, 0x9100U}) {
        Frame frame = ethernet(tag);
        put16(frame, 1);
        const Frame inner = Ipv4{}.frame();
        frame.insert(frame.end(), inner.begin() + 12, inner.end());
        EXPECT_EQ(judge(frame), Verdict::unserved);
    }
}

TEST(FrameFilterEthernet, NcSiWhichLibslirpWouldParseIsDropped) {
    Frame frame = ethernet(0x88f8);
    frame.resize(64);
    EXPECT_EQ(judge(frame), Verdict::unserved);
}

TEST(FrameFilterEthernet, EveryTruncationOfAGoodFrameIsDropped) {
    for (const Frame& whole : {Ipv4{}.frame(), Ipv6{}.frame(), arp(1, "10.0.2.15", "10.0.2.2")}) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            EXPECT_NE(judge(Frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
                      Verdict::pass)
                << size;
        }
    }
}

// ---- ARP -------------------------------------------------------------------------------------------------

TEST(FrameFilterArp, AQuestionForTheGatewayPasses) {
    EXPECT_EQ(judge(arp(1, "10.0.2.15", "10.0.2.2")), Verdict::pass);
}

TEST(FrameFilterArp, AnAnswerPasses) {
    EXPECT_EQ(judge(arp(2, "10.0.2.15", "10.0.2.2")), Verdict::pass);
}

TEST(FrameFilterArp, AProbeWithoutSenderPasses) {
    EXPECT_EQ(judge(arp(1, "0.0.0.0", "10.0.2.15")), Verdict::pass);
}

TEST(FrameFilterArp, AForeignSenderIsDropped) {
    EXPECT_EQ(judge(arp(2, "10.0.2.2", "10.0.2.15")), Verdict::source);
}

TEST(FrameFilterArp, AnUnknownOperationIsDropped) {
    EXPECT_EQ(judge(arp(3, "10.0.2.15", "10.0.2.2")), Verdict::unserved);
}

TEST(FrameFilterArp, WrongAddressLengthsAreMalformed) {
    Frame frame = arp(1, "10.0.2.15", "10.0.2.2");
    frame[14 + 4] = std::byte{8};
    EXPECT_EQ(judge(frame), Verdict::malformed);
}

// ---- IPv4 headers ----------------------------------------------------------------------------------------

TEST(FrameFilterIpv4, TcpToAPublicAddressPasses) {
    EXPECT_EQ(judge_tcp_to("198.51.100.7"), Verdict::pass);
}

TEST(FrameFilterIpv4, PrivateAddressesOfTheHostsNetworkPass) {
    EXPECT_EQ(judge_tcp_to("192.168.1.1"), Verdict::pass);
    EXPECT_EQ(judge_tcp_to("10.0.3.2"), Verdict::pass);
}

TEST(FrameFilterIpv4, PaddingOfAShortFramePasses) {
    Frame frame = Ipv4{}.frame();
    frame.resize(frame.size() + 12);
    EXPECT_EQ(judge(frame), Verdict::pass);
}

TEST(FrameFilterIpv4, AnotherVersionIsMalformed) {
    Ipv4 packet;
    packet.version_and_length = 0x65;
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv4, AHeaderLengthBelowTwentyBytesIsMalformed) {
    Ipv4 packet;
    packet.version_and_length = 0x44;
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv4, AHeaderLengthBeyondThePacketIsMalformed) {
    Ipv4 packet;
    packet.version_and_length = 0x4f;
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv4, OptionsAreDropped) {
    Ipv4 packet;
    packet.version_and_length = 0x46;
    packet.payload.insert(packet.payload.begin(), 4, std::byte{1});
    EXPECT_EQ(judge(packet.frame()), Verdict::unserved);
}

TEST(FrameFilterIpv4, ATotalLengthBeyondTheFrameIsMalformed) {
    Ipv4 packet;
    packet.length_error = 1;
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv4, ATotalLengthBelowTheHeaderIsMalformed) {
    Ipv4 packet;
    packet.length_error = -21;
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv4, ATransportHeaderCutByTheTotalLengthIsMalformed) {
    Ipv4 packet;
    packet.length_error = -1;
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv4, ATcpHeaderLengthBeyondThePacketIsMalformed) {
    Ipv4 packet;
    packet.payload[12] = std::byte{0xf0};
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv4, ATcpHeaderLengthBelowTwentyBytesIsMalformed) {
    Ipv4 packet;
    packet.payload[12] = std::byte{0x40};
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv4, AUdpLengthBeyondThePacketIsMalformed) {
    Ipv4 packet;
    packet.protocol = udp;
    packet.payload = transport(udp);
    packet.payload[5] = std::byte{9};
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv4, AnEchoRequestPasses) {
    Ipv4 packet;
    packet.protocol = icmp;
    packet.payload = transport(icmp);
    EXPECT_EQ(judge(packet.frame()), Verdict::pass);
}

TEST(FrameFilterIpv4, OtherIcmpMessagesAreDropped) {
    for (const unsigned type : {0U, 3U, 5U, 11U, 13U, 17U}) {
        Ipv4 packet;
        packet.protocol = icmp;
        packet.payload = transport(icmp);
        packet.payload[0] = static_cast<std::byte>(type);
        EXPECT_EQ(judge(packet.frame()), Verdict::unserved) << type;
    }
}

TEST(FrameFilterIpv4, OtherProtocolsAreDropped) {
    for (const int protocol : {0, 2, 41, 47, 50, 132}) {
        Ipv4 packet;
        packet.protocol = protocol;
        EXPECT_EQ(judge(packet.frame()), Verdict::unserved) << protocol;
    }
}

// ---- IPv4 addresses --------------------------------------------------------------------------------------

class ForbiddenDestination : public testing::TestWithParam<const char*> {};

TEST_P(ForbiddenDestination, IsDropped) {
    EXPECT_EQ(judge_tcp_to(GetParam()), Verdict::destination);
}

INSTANTIATE_TEST_SUITE_P(FrameFilterIpv4, ForbiddenDestination,
                         testing::Values("0.0.0.0", "0.0.0.1", "0.255.255.255", "127.0.0.1", "127.0.0.53",
                                         "127.255.255.255", "224.0.0.1", "239.255.255.250", "240.0.0.1",
                                         "255.255.255.254", "255.255.255.255", "10.0.2.0", "10.0.2.1",
                                         "10.0.2.15", "10.0.2.16", "10.0.2.255"));

INSTANTIATE_TEST_SUITE_P(FrameFilterIpv6, ForbiddenDestination,
                         testing::Values("::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1",
                                         "::ffff:8.8.8.8", "::ffff:0.0.0.0", "::ffff:0:127.0.0.1",
                                         "64:ff9b::127.0.0.1", "64:ff9b::0.0.0.0", "64:ff9b::224.0.0.1",
                                         "64:ff9b:1::127.0.0.1", "2002:7f00:1::1", "2002:0:1::1", "fe80::1",
                                         "fe80::2", "fe80::3", "febf::1", "ff02::1", "ff02::2", "ff05::1:3",
                                         "ff0e::1", "fd00::", "fd00::1", "fd00::15", "fd00::1234:5678",
                                         "fd00::4"));

TEST(FrameFilterIpv4, TheAddressesBesideTheForbiddenOnesPass) {
    for (const char* address : {"1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "10.0.1.255",
                                "10.0.3.0", "169.254.169.254"}) {
        EXPECT_EQ(judge_tcp_to(address), Verdict::pass) << address;
    }
}

TEST(FrameFilterIpv4, GatewayAndNameserverPass) {
    EXPECT_EQ(judge_tcp_to("10.0.2.2"), Verdict::pass);
    EXPECT_EQ(judge_udp_to("10.0.2.3", 53), Verdict::pass);
}

TEST(FrameFilterIpv4, TftpToTheGatewayIsDropped) {
    EXPECT_EQ(judge_udp_to("10.0.2.2", 69), Verdict::unserved);
}

TEST(FrameFilterIpv4, TftpElsewherePasses) {
    EXPECT_EQ(judge_udp_to("198.51.100.7", 69), Verdict::pass);
}

TEST(FrameFilterIpv4, AForeignSourceIsDropped) {
    for (const char* source : {"10.0.2.2", "10.0.2.16", "127.0.0.1", "0.0.0.0", "192.168.1.1"}) {
        Ipv4 packet;
        packet.source = source;
        EXPECT_EQ(judge(packet.frame()), Verdict::source) << source;
    }
}

TEST(FrameFilterIpv4, EchoToLoopbackIsDropped) {
    Ipv4 packet;
    packet.destination = "127.0.0.1";
    packet.protocol = icmp;
    packet.payload = transport(icmp);
    EXPECT_EQ(judge(packet.frame()), Verdict::destination);
}

// ---- DHCP ------------------------------------------------------------------------------------------------

TEST(FrameFilterDhcp, ADiscoverWithoutAddressPasses) {
    EXPECT_EQ(judge_udp_to("255.255.255.255", 67, "0.0.0.0", 68), Verdict::pass);
}

TEST(FrameFilterDhcp, ARenewalByBroadcastPasses) {
    EXPECT_EQ(judge_udp_to("255.255.255.255", 67, "10.0.2.15", 68), Verdict::pass);
}

TEST(FrameFilterDhcp, ARenewalByUnicastPasses) {
    EXPECT_EQ(judge_udp_to("10.0.2.2", 67, "10.0.2.15", 68), Verdict::pass);
}

TEST(FrameFilterDhcp, AForeignSourceIsDropped) {
    EXPECT_EQ(judge_udp_to("255.255.255.255", 67, "192.168.1.1", 68), Verdict::source);
}

TEST(FrameFilterDhcp, OtherBroadcastsAreDropped) {
    EXPECT_EQ(judge_udp_to("255.255.255.255", 53, "10.0.2.15", 68), Verdict::destination);
    EXPECT_EQ(judge_udp_to("255.255.255.255", 67, "10.0.2.15", 40000), Verdict::destination);
}

TEST(FrameFilterDhcp, NoAddressElsewhereIsDropped) {
    EXPECT_EQ(judge_udp_to("10.0.2.2", 67, "0.0.0.0", 68), Verdict::source);
    EXPECT_EQ(judge_udp_to("198.51.100.7", 67, "0.0.0.0", 68), Verdict::source);
}

// ---- Fragments -------------------------------------------------------------------------------------------

constexpr unsigned more_fragments = 0x2000;

Ipv4 fragment(const std::string& destination, unsigned bits, std::size_t size = 64) {
    Ipv4 packet;
    packet.destination = destination;
    packet.protocol = udp;
    packet.fragment = bits;
    packet.payload = Frame(size);
    return packet;
}

// libslirp 4.7.0 as built by Debian 12 dies of a lone last fragment.
TEST(FrameFilterFragment, NoneReachesTheEngine) {
    for (const unsigned bits : {more_fragments, more_fragments | 8, 8U, 0x1fffU, 0x8000U}) {
        EXPECT_EQ(judge(fragment("198.51.100.7", bits).frame()), Verdict::unserved) << bits;
        EXPECT_EQ(judge(fragment("10.0.2.2", bits).frame()), Verdict::unserved) << bits;
    }
}

TEST(FrameFilterFragment, EveryOneIsHeldAgainstItsDestination) {
    for (const unsigned bits : {more_fragments, more_fragments | 8, 16U}) {
        for (const char* address : {"127.0.0.1", "0.0.0.0", "224.0.0.1", "10.0.2.9", "255.255.255.255"}) {
            EXPECT_EQ(judge(fragment(address, bits).frame()), Verdict::destination) << address;
        }
    }
}

TEST(FrameFilterFragment, DontFragmentIsNoFragment) {
    Ipv4 packet;
    packet.destination = "10.0.2.2";
    packet.fragment = 0x4000;
    EXPECT_EQ(judge(packet.frame()), Verdict::pass);
}

TEST(FrameFilterFragment, AForeignSourceIsDropped) {
    Ipv4 packet = fragment("198.51.100.7", 16);
    packet.source = "127.0.0.1";
    EXPECT_EQ(judge(packet.frame()), Verdict::source);
}

// ---- IPv6 ------------------------------------------------------------------------------------------------

TEST(FrameFilterIpv6, TcpToAPublicAddressPasses) {
    EXPECT_EQ(judge_tcp_to("2001:db8::7"), Verdict::pass);
}

TEST(FrameFilterIpv6, OtherUniqueLocalAddressesPass) {
    EXPECT_EQ(judge_tcp_to("fd00:0:0:1::7"), Verdict::pass);
    EXPECT_EQ(judge_tcp_to("fc00::7"), Verdict::pass);
}

TEST(FrameFilterIpv6, GatewayAndNameserverPass) {
    EXPECT_EQ(judge_tcp_to("fd00::2"), Verdict::pass);
    EXPECT_EQ(judge_udp6_to("fd00::3", 53), Verdict::pass);
}

TEST(FrameFilterIpv6, TftpToTheGatewayIsDropped) {
    EXPECT_EQ(judge_udp6_to("fd00::2", 69), Verdict::unserved);
}

TEST(FrameFilterIpv6, TranslatedPublicAddressesPass) {
    EXPECT_EQ(judge_tcp_to("64:ff9b::198.51.100.7"), Verdict::pass);
    EXPECT_EQ(judge_tcp_to("2002:c633:6407::1"), Verdict::pass);
}

TEST(FrameFilterIpv6, AnAddressTheGuestGaveItselfPasses) {
    Ipv6 packet;
    packet.source = "fd00::5054:ff:fe12:3456";
    EXPECT_EQ(judge(packet.frame()), Verdict::pass);
}

TEST(FrameFilterIpv6, AForeignSourceIsDropped) {
    for (const char* source : {"::", "::1", "fd00::", "fd00::2", "fd00::3", "fe80::15", "2001:db8::1",
                               "::ffff:127.0.0.1", "ff02::1"}) {
        Ipv6 packet;
        packet.source = source;
        EXPECT_EQ(judge(packet.frame()), Verdict::source) << source;
    }
}

TEST(FrameFilterIpv6, WithoutIpv6EverythingIsDropped) {
    EXPECT_EQ(judge_frame(Ipv6{}.frame(), false), Verdict::unserved);
    EXPECT_EQ(judge_frame(Ipv4{}.frame(), false), Verdict::pass);
}

TEST(FrameFilterIpv6, AnotherVersionIsMalformed) {
    Ipv6 packet;
    packet.version = 0x40;
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv6, APayloadLengthBeyondTheFrameIsMalformed) {
    Ipv6 packet;
    packet.length_error = 1;
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv6, AJumbogramIsMalformed) {
    Ipv6 packet;
    packet.length_error = -20;
    EXPECT_EQ(judge(packet.frame()), Verdict::malformed);
}

TEST(FrameFilterIpv6, ExtensionHeadersAreDropped) {
    for (const int header : {0, 43, 44, 51, 59, 60, 135}) {
        Ipv6 packet;
        packet.protocol = header;
        EXPECT_EQ(judge(packet.frame()), Verdict::unserved) << header;
    }
}

TEST(FrameFilterIpv6, AFragmentToLoopbackIsDropped) {
    Ipv6 packet;
    packet.destination = "::1";
    packet.protocol = 44;
    EXPECT_NE(judge(packet.frame()), Verdict::pass);
}

TEST(FrameFilterIpv6, IcmpOfIpv4InsideIpv6IsDropped) {
    Ipv6 packet;
    packet.protocol = icmp;
    packet.payload = transport(icmp);
    EXPECT_EQ(judge(packet.frame()), Verdict::unserved);
}

TEST(FrameFilterIpv6, DhcpToItsMulticastAddressPasses) {
    EXPECT_EQ(judge_udp6_to("ff02::1:2", 547, "fe80::15"), Verdict::pass);
}

TEST(FrameFilterIpv6, OtherMulticastDatagramsAreDropped) {
    EXPECT_EQ(judge_udp6_to("ff02::1:2", 53, "fe80::15"), Verdict::destination);
    EXPECT_EQ(judge_udp6_to("ff02::fb", 5353), Verdict::destination);
}

TEST(FrameFilterIpv6, EchoToTheGatewayPasses) {
    for (const char* address : {"fd00::2", "fd00::3", "fe80::2"}) {
        Ipv6 packet;
        packet.destination = address;
        packet.protocol = icmpv6;
        packet.payload = transport(icmpv6);
        EXPECT_EQ(judge(packet.frame()), Verdict::pass) << address;
    }
}

TEST(FrameFilterIpv6, EchoToTheOutsideIsDropped) {
    Ipv6 packet;
    packet.protocol = icmpv6;
    packet.payload = transport(icmpv6);
    EXPECT_EQ(judge(packet.frame()), Verdict::unserved);
    packet.destination = "::1";
    EXPECT_EQ(judge(packet.frame()), Verdict::destination);
}

// ---- Neighbour discovery ---------------------------------------------------------------------------------

TEST(FrameFilterNeighbours, ASolicitationOfTheGatewayPasses) {
    EXPECT_EQ(judge_neighbour(135, "fd00::15", "ff02::1:ff00:2"), Verdict::pass);
    EXPECT_EQ(judge_neighbour(135, "fe80::15", "ff02::1:ff00:2"), Verdict::pass);
    EXPECT_EQ(judge_neighbour(135, "fd00::15", "fd00::2"), Verdict::pass);
    EXPECT_EQ(judge_neighbour(135, "fe80::15", "fe80::2"), Verdict::pass);
}

TEST(FrameFilterNeighbours, DuplicateDetectionPasses) {
    EXPECT_EQ(judge_neighbour(135, "::", "ff02::1:ff00:15"), Verdict::pass);
}

TEST(FrameFilterNeighbours, AnAdvertisementPasses) {
    EXPECT_EQ(judge_neighbour(136, "fd00::15", "fe80::2"), Verdict::pass);
    EXPECT_EQ(judge_neighbour(136, "fd00::15", "ff02::1"), Verdict::pass);
}

TEST(FrameFilterNeighbours, ARouterSolicitationPasses) {
    EXPECT_EQ(judge_neighbour(133, "fe80::15", "ff02::2", 8), Verdict::pass);
}

TEST(FrameFilterNeighbours, RouterAdvertisementsRedirectsAndMldAreDropped) {
    for (const unsigned type : {130U, 131U, 132U, 134U, 137U, 143U}) {
        EXPECT_EQ(judge_neighbour(type, "fe80::15", "ff02::1"), Verdict::unserved) << type;
    }
}

TEST(FrameFilterNeighbours, AMessageThatCameOverARouterIsMalformed) {
    EXPECT_EQ(judge_neighbour(135, "fd00::15", "ff02::1:ff00:2", 24, 254), Verdict::malformed);
}

TEST(FrameFilterNeighbours, AMessageWithoutItsTargetIsMalformed) {
    EXPECT_EQ(judge_neighbour(135, "fd00::15", "ff02::1:ff00:2", 23), Verdict::malformed);
}

TEST(FrameFilterNeighbours, AForeignSourceIsDropped) {
    EXPECT_EQ(judge_neighbour(136, "fd00::2", "ff02::1"), Verdict::source);
    EXPECT_EQ(judge_neighbour(136, "fe80::2", "ff02::1"), Verdict::source);
    EXPECT_EQ(judge_neighbour(135, "2001:db8::1", "fd00::2"), Verdict::source);
}

TEST(FrameFilterNeighbours, AnotherDestinationIsDropped) {
    EXPECT_EQ(judge_neighbour(135, "fd00::15", "::1"), Verdict::destination);
    EXPECT_EQ(judge_neighbour(136, "fd00::15", "2001:db8::7"), Verdict::destination);
    EXPECT_EQ(judge_neighbour(133, "fd00::15", "ff02::1", 8), Verdict::destination);
}

// ---- Noise -----------------------------------------------------------------------------------------------

// Whatever the bytes: no frame that passes goes to loopback. Seeded, so a failure comes again.
TEST(FrameFilterNoise, NoDamagedFrameToLoopbackPasses) {
    std::uint32_t state = 1;
    const auto next = [&state] { return state = state * 1664525 + 1013904223; };
    Ipv4 four;
    four.destination = "127.0.0.1";
    Ipv6 six;
    six.destination = "::1";
    const Frame seeds[] = {four.frame(), six.frame()};
    for (int round = 0; round < 200000; ++round) {
        Frame frame = seeds[round % 2];
        const std::size_t destination = round % 2 == 0 ? 14 + 16 : 14 + 24;
        const std::size_t end = round % 2 == 0 ? 14 + 20 : 14 + 40;
        for (int change = 0; change < 4; ++change) {
            const std::size_t at = 14 + (next() >> 8) % (frame.size() - 14);
            if (at < destination || at >= end) {
                frame[at] = static_cast<std::byte>(next() >> 24);
            }
        }
        ASSERT_NE(judge(frame), Verdict::pass) << round;
    }
}

} // namespace

} // namespace sandbox::net
