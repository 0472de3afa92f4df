// SPDX-License-Identifier: Apache-2.0
// The frame filter of sandbox-net, one behaviour a test: IPv6, its neighbours, and noise.
#include "net_frames.hpp"

namespace sandbox::net {

namespace {

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

TEST(FrameFilterIpv6, EchoGoesWhereUdpMay) {
    const auto judge_echo_to = [](const char* address, const char* source) {
        Ipv6 packet;
        packet.source = source;
        packet.destination = address;
        packet.protocol = icmpv6;
        packet.payload = transport(icmpv6);
        return judge(packet.frame());
    };
    EXPECT_EQ(judge_echo_to("2001:db8::7", "fd00::15"), Verdict::pass);
    EXPECT_EQ(judge_echo_to("fd01::7", "fd00::1234"), Verdict::pass);
    for (const char* address : {"::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "fe80::1234", "ff02::1",
                                "fd00::99", "64:ff9b::127.0.0.1", "2002:7f00:1::1"}) {
        EXPECT_EQ(judge_echo_to(address, "fd00::15"), Verdict::destination) << address;
    }
    for (const char* source : {"fe80::15", "::", "2001:db8::1", "fd00::2"}) {
        EXPECT_EQ(judge_echo_to("2001:db8::7", source), Verdict::source) << source;
    }
}

TEST(FrameFilter, OutsideIsWhereTcpAndUdpMayGoBeyondTheGuestsNetwork) {
    for (const char* address :
         {"198.51.100.7", "169.254.1.1", "192.168.1.1", "10.0.3.1", "2001:db8::7", "fd01::1"}) {
        EXPECT_TRUE(is_outside(parse_ip_address(address).value())) << address;
    }
    for (const char* address :
         {"127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "10.0.2.2", "10.0.2.77", "::1",
          "::", "::ffff:127.0.0.1", "fe80::1", "ff02::1", "fd00::2", "fd00::99"}) {
        EXPECT_FALSE(is_outside(parse_ip_address(address).value())) << address;
    }
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
