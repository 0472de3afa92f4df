// SPDX-License-Identifier: Apache-2.0
// The frame filter of sandbox-net, one behaviour a test: Ethernet, ARP and IPv4; what passes, and why what
// does not is dropped.
#include "net_frames.hpp"

namespace sandbox::net {

namespace {

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

} // namespace

} // namespace sandbox::net
