// SPDX-License-Identifier: Apache-2.0
// The answers that sandbox-net makes itself, byte by byte, and their checksums by another way of counting.
#include <algorithm>

#include "net/packet.hpp"
#include "net_frames.hpp"
#include "tests/lib/frame_check.hpp"

namespace sandbox::net {
namespace {

using test::flaw_of;
using test::number_at;

Packet parsed(const Frame& frame) {
    const auto packet = parse_packet(frame);
    EXPECT_TRUE(packet);
    return packet.value_or(Packet{});
}

Endpoint endpoint(std::string_view address, std::uint16_t port) {
    return {parse_ip_address(address).value(), port};
}

Bytes bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text});
}

Frame segment(unsigned flags, std::size_t data = 0) {
    Frame header = transport(tcp, 443, 50000);
    header[7] = std::byte{100}; // sequence number 100
    header[11] = std::byte{200};
    header[13] = static_cast<std::byte>(flags);
    header.resize(header.size() + data);
    return header;
}

/// The flags, sequence and acknowledgement number of a reset.
std::vector<unsigned> numbers_of(const Frame& reset) {
    const Bytes tcp_part = parsed(reset).transport;
    return {number_at(tcp_part, 13, 1), number_at(tcp_part, 4, 4), number_at(tcp_part, 8, 4)};
}

TEST(MakeReset, IsTheWholeFrameThatRfc9293Wants) {
    Frame request = Ipv4{.payload = segment(tcp_syn)}.frame();
    for (std::size_t i = 0; i < 12; ++i) {
        request[i] = static_cast<std::byte>(i + 1); // two MAC addresses that differ
    }
    const unsigned wanted[] = {7,    8, 9,  10,  11,   12,   0x52, 0x55, 10,   0,    2,    2,    8,   0,
                               0x45, 0, 0,  40,  0,    0,    0x40, 0,    64,   6,    0x04, 0x87, 198, 51,
                               100,  7, 10, 0,   2,    15,   0x01, 0xbb, 0xc3, 0x50, 0,    0,    0,   0,
                               0,    0, 0,  101, 0x50, 0x14, 0,    0,    0xb4, 0x16, 0,    0};
    const Frame reset = make_reset(parsed(request));
    ASSERT_EQ(reset.size(), std::size(wanted));
    for (std::size_t i = 0; i < std::size(wanted); ++i) {
        EXPECT_EQ(number_at(reset, i, 1), wanted[i]) << "byte " << i;
    }
    EXPECT_EQ(flaw_of(reset), "");
}

// "If the ACK bit is off, sequence number zero is used": RFC 9293, 3.10.7.1.
TEST(MakeReset, AcknowledgesWhatTheSegmentOccupied) {
    constexpr unsigned rst_ack = tcp_rst | tcp_ack;
    const auto answer = [](unsigned flags, std::size_t data) {
        return numbers_of(make_reset(parsed(Ipv4{.payload = segment(flags, data)}.frame())));
    };
    EXPECT_EQ(answer(tcp_syn, 0), (std::vector<unsigned>{rst_ack, 0, 101}));
    EXPECT_EQ(answer(tcp_syn, 10), (std::vector<unsigned>{rst_ack, 0, 111}));
    EXPECT_EQ(answer(tcp_syn | tcp_fin, 0), (std::vector<unsigned>{rst_ack, 0, 102}));
    EXPECT_EQ(answer(0, 5), (std::vector<unsigned>{rst_ack, 0, 105}));
}

TEST(MakeReset, TakesItsNumberFromAnAcknowledgement) {
    const auto frame = make_reset(parsed(Ipv4{.payload = segment(tcp_ack, 7)}.frame()));
    EXPECT_EQ(numbers_of(frame), (std::vector<unsigned>{tcp_rst, 200, 0}));
}

TEST(MakeReset, SequenceNumbersWrap) {
    Frame payload = segment(tcp_syn);
    std::fill(payload.begin() + 4, payload.begin() + 8, std::byte{0xff});
    const auto frame = make_reset(parsed(Ipv4{.payload = payload}.frame()));
    EXPECT_EQ(numbers_of(frame)[2], 0U);
}

TEST(MakeReset, AnswersFromWhereTheSegmentWasSentTo) {
    for (const Frame& request :
         {Ipv4{.payload = segment(tcp_syn)}.frame(), Ipv6{.payload = segment(tcp_syn)}.frame()}) {
        const Packet segment_in = parsed(request);
        const Frame frame = make_reset(segment_in);
        const Packet reset = parsed(frame);
        EXPECT_EQ(flaw_of(frame), "");
        EXPECT_EQ(reset.source, segment_in.destination);
        EXPECT_EQ(reset.destination, segment_in.source);
        EXPECT_TRUE(reset.payload.empty());
    }
}

TEST(MakeUnreachable, HasTheCodesOfItsRfc) {
    struct Case {
        Unreachable reason;
        unsigned ipv4_code;
        unsigned ipv6_code;
    };
    for (const auto& [reason, ipv4_code, ipv6_code] :
         {Case{Unreachable::network, 0, 0}, Case{Unreachable::host, 1, 3}, Case{Unreachable::port, 3, 4},
          Case{Unreachable::prohibited, 13, 1}}) {
        const Frame ipv4 = make_unreachable(parsed(Ipv4{}.frame()), reason);
        const Frame ipv6 = make_unreachable(parsed(Ipv6{}.frame()), reason);
        EXPECT_EQ(number_at(ipv4, 34), 3 * 256 + ipv4_code);
        EXPECT_EQ(number_at(ipv6, 54), 1 * 256 + ipv6_code);
        EXPECT_EQ(number_at(ipv4, 38, 4), 0U); // unused
        EXPECT_EQ(number_at(ipv6, 58, 4), 0U);
        EXPECT_EQ(flaw_of(ipv4), "");
        EXPECT_EQ(flaw_of(ipv6), "");
    }
}

TEST(MakeUnreachable, ComesFromTheGatewayAndQuotesThePacket) {
    for (const auto& [request, gateway] :
         {std::pair{Ipv4{}.frame(), "10.0.2.2"}, std::pair{Ipv6{}.frame(), "fd00::2"}}) {
        Frame padded = request;
        padded.resize(padded.size() + 9, std::byte{0xee});
        const Packet packet = parsed(padded);
        const Frame frame = make_unreachable(packet, Unreachable::port);
        const Packet error = parsed(frame);
        EXPECT_EQ(to_string(error.source.address), gateway);
        EXPECT_EQ(error.destination.address, packet.source.address);
        EXPECT_TRUE(std::ranges::equal(error.payload, packet.ip)) << "padding is not quoted";
    }
}

// RFC 1812, 4.3.2.3 and RFC 4443, 2.4 (c).
TEST(MakeUnreachable, IsNeverLongerThanAnyLinkTakes) {
    const Frame ipv4 =
        make_unreachable(parsed(Ipv4{.payload = segment(tcp_ack, 3000)}.frame()), Unreachable::host);
    const Frame ipv6 =
        make_unreachable(parsed(Ipv6{.payload = segment(tcp_ack, 3000)}.frame()), Unreachable::host);
    EXPECT_EQ(ipv4.size(), 14U + 576);
    EXPECT_EQ(ipv6.size(), 14U + 1280);
    EXPECT_EQ(flaw_of(ipv4), "");
    EXPECT_EQ(flaw_of(ipv6), "");
}

TEST(MakeDatagram, GoesToTheGuestFromWhereItIsSaidToCome) {
    const MacAddress guest{2, 3, 4, 5, 6, 7};
    for (const auto& [from, to] : {std::pair{endpoint("10.0.2.3", 53), endpoint("10.0.2.15", 50000)},
                                   std::pair{endpoint("fd00::3", 53), endpoint("fd00::15", 50000)}}) {
        const Frame frame = make_datagram(from, to, bytes_of("answer"), guest);
        const Packet packet = parsed(frame);
        EXPECT_EQ(flaw_of(frame), "");
        EXPECT_EQ(packet.source, from);
        EXPECT_EQ(packet.destination, to);
        EXPECT_EQ(packet.protocol, Protocol::udp);
        EXPECT_TRUE(std::ranges::equal(packet.payload, bytes_of("answer")));
        EXPECT_EQ(number_at(frame, 0, 4), 0x02030405U);
        EXPECT_EQ(number_at(frame, 4), 0x0607U);
        EXPECT_EQ(number_at(frame, 6), 0x5255U);
    }
}

TEST(MakeDatagram, MayBeEmptyOddOrAsLongAsIpAllows) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1473}, std::size_t{65507}}) {
        const std::vector<std::byte> payload(size, std::byte{0xab});
        EXPECT_EQ(flaw_of(make_datagram(endpoint("10.0.2.3", 53), endpoint("10.0.2.15", 9), payload, {})), "")
            << size;
        EXPECT_EQ(flaw_of(make_datagram(endpoint("fd00::3", 53), endpoint("fd00::15", 9), payload, {})), "")
            << size;
    }
    const std::vector<std::byte> longest(65527);
    EXPECT_EQ(flaw_of(make_datagram(endpoint("fd00::3", 53), endpoint("fd00::15", 9), longest, {})), "");
}

// A checksum of zero would mean that there is none, which IPv6 forbids: RFC 768, RFC 8200 8.1.
TEST(MakeDatagram, AChecksumOfZeroIsSentAsItsComplement) {
    unsigned complements = 0;
    for (unsigned value = 0; value < 0x10000; ++value) {
        const std::byte payload[] = {static_cast<std::byte>(value >> 8),
                                     static_cast<std::byte>(value & 0xff)};
        const Frame frame = make_datagram(endpoint("10.0.2.3", 53), endpoint("10.0.2.15", 9), payload, {});
        ASSERT_NE(number_at(frame, 40), 0U) << value;
        complements += number_at(frame, 40) == 0xffff ? 1 : 0;
    }
    EXPECT_EQ(complements, 1U);
}

TEST(MakeEchoReply, BringsBackIdentifierAndSequenceNumber) {
    for (const bool is_ipv6 : {false, true}) {
        Frame echo = transport(is_ipv6 ? icmpv6 : icmp);
        for (std::size_t i = 4; i < 8; ++i) {
            echo[i] = static_cast<std::byte>(0x10 + i);
        }
        const Frame request = is_ipv6 ? Ipv6{.protocol = icmpv6, .payload = echo}.frame()
                                      : Ipv4{.protocol = icmp, .payload = echo}.frame();
        const Frame frame = make_echo_reply(parsed(request), bytes_of("abc"));
        const Packet reply = parsed(frame);
        EXPECT_EQ(flaw_of(frame), "");
        EXPECT_EQ(number_at(reply.transport, 0), is_ipv6 ? 129U * 256 : 0U);
        EXPECT_EQ(number_at(reply.transport, 4, 4), 0x14151617U);
        EXPECT_TRUE(std::ranges::equal(reply.payload, bytes_of("abc")));
        EXPECT_EQ(reply.source.address, parsed(request).destination.address);
        EXPECT_EQ(reply.destination.address, parsed(request).source.address);
    }
}

} // namespace
} // namespace sandbox::net
