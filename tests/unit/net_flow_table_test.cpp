// SPDX-License-Identifier: Apache-2.0
// What the log says about flows that pass as frames.
#include "net/flow_table.hpp"

#include <fcntl.h>

#include "net_frames.hpp"
#include "net_wire.hpp"
#include "support.hpp"

namespace sandbox::net {
namespace {

class FlowTableTest : public ::testing::Test {
  protected:
    FlowTableTest() {
        const std::string path = directory_.path() + "/log";
        log_.emplace(UniqueFd{
            check(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), "open", path)});
        flows_.emplace(reactor_, policy_, *log_);
    }

    struct Segment {
        unsigned flags = 0;
        std::uint32_t sequence = 0;
        std::size_t size = 0;
    };

    static Frame tcp_frame(const Segment& segment, bool outbound) {
        Ipv4 packet;
        packet.payload = outbound ? transport(tcp, 80, 40000) : transport(tcp, 40000, 80);
        for (unsigned i = 0; i < 4; ++i) {
            packet.payload[4 + i] = static_cast<std::byte>(segment.sequence >> (24 - 8 * i));
        }
        packet.payload[13] = static_cast<std::byte>(segment.flags);
        packet.payload.resize(packet.payload.size() + segment.size);
        if (!outbound) {
            std::swap(packet.source, packet.destination);
        }
        return packet.frame();
    }
    void out(const Segment& segment) { pass(tcp_frame(segment, true), true); }
    void in(const Segment& segment) { pass(tcp_frame(segment, false), false); }
    void pass(const Frame& frame, bool outbound) {
        const auto packet = parse_packet(frame);
        ASSERT_TRUE(packet);
        if (outbound) {
            flows_->from_inside(*packet);
        } else {
            flows_->to_inside(*packet);
        }
    }
    Packet datagram(const char* address, unsigned port, std::size_t size = 0) {
        Ipv4 packet;
        packet.destination = address;
        packet.protocol = udp;
        packet.payload = transport(udp, port);
        packet.payload.resize(8 + size);
        packet.payload[4] = static_cast<std::byte>((8 + size) >> 8);
        packet.payload[5] = static_cast<std::byte>((8 + size) & 0xff);
        frame_ = packet.frame();
        return parse_packet(frame_).value();
    }
    [[nodiscard]] std::vector<std::string> lines() const {
        std::ifstream file{directory_.path() + "/log"};
        std::vector<std::string> result;
        for (std::string line; std::getline(file, line);) {
            result.push_back(line);
        }
        return result;
    }
    void expect_one_line(const std::vector<std::string>& parts) const {
        const auto all = lines();
        ASSERT_EQ(all.size(), 1U);
        for (const std::string& part : parts) {
            EXPECT_NE(all[0].find(part), std::string::npos) << part << " in " << all[0];
        }
    }

    test::TemporaryDirectory directory_;
    Reactor reactor_;
    Policy policy_{{}, false};
    std::optional<FlowLog> log_;
    std::optional<FlowTable> flows_;
    Frame frame_;
};

TEST_F(FlowTableTest, AConnectionIsLoggedAfterBothFins) {
    out({tcp_syn, 100});
    in({tcp_syn | tcp_ack, 500});
    out({tcp_ack, 101, 30});
    in({tcp_ack, 501, 1000});
    out({tcp_ack | tcp_fin, 131});
    EXPECT_TRUE(lines().empty()) << "half closed";
    out({tcp_ack, 132});
    in({tcp_ack, 1501, 7});
    in({tcp_ack | tcp_fin, 1508});
    EXPECT_EQ(flows_->size(), 0U);
    expect_one_line({R"("tcp")", R"("allowed")", R"("sent":30,"received":1007)", "198.51.100.7"});
}

TEST_F(FlowTableTest, WhatIsSentAgainIsNotCountedAgain) {
    out({tcp_syn, 0xfffffff0});
    out({tcp_syn, 0xfffffff0});
    in({tcp_syn | tcp_ack, 500});
    out({tcp_ack, 0xfffffff1, 100});
    out({tcp_ack, 0xfffffff1, 100});
    out({tcp_ack | tcp_rst, 85});
    expect_one_line({R"("sent":100)"});
}

TEST_F(FlowTableTest, ARefusedConnectionHasFailed) {
    out({tcp_syn, 100});
    in({tcp_rst | tcp_ack, 0});
    expect_one_line({R"("failed")"});
}

TEST_F(FlowTableTest, AConnectionToAnUnreachableHostHasFailed) {
    const Frame syn = tcp_frame({tcp_syn, 100}, true);
    pass(syn, true);
    pass(make_unreachable(parse_packet(syn).value(), Unreachable::host), false);
    expect_one_line({R"("failed")"});
}

TEST_F(FlowTableTest, AResetEndsAFlow) {
    out({tcp_syn, 100});
    in({tcp_syn | tcp_ack, 500});
    in({tcp_rst | tcp_ack, 501});
    expect_one_line({R"("allowed")"});
}

TEST_F(FlowTableTest, TheSamePortsMakeANewFlow) {
    out({tcp_syn, 100});
    in({tcp_syn | tcp_ack, 500});
    out({tcp_syn, 9000});
    EXPECT_EQ(lines().size(), 1U);
    EXPECT_EQ(flows_->size(), 1U);
}

TEST_F(FlowTableTest, DatagramsOfBothDirectionsAreOneFlow) {
    flows_->from_inside(datagram("198.51.100.7", 123, 10));
    flows_->from_inside(datagram("198.51.100.7", 123, 10));
    const std::string answer(7, 'x');
    pass(make_datagram(endpoint("198.51.100.7", 123), endpoint("10.0.2.15", 40000),
                       std::as_bytes(std::span{answer}), Wire::guest),
         false);
    EXPECT_TRUE(lines().empty());
    flows_->close_all();
    expect_one_line({R"("udp")", R"("sent":20)", R"("received":7)", R"("allowed")"});
}

TEST_F(FlowTableTest, ADatagramThatIsRefusedHasFailed) {
    const Packet packet = datagram("198.51.100.7", 123);
    flows_->from_inside(packet);
    pass(make_unreachable(packet, Unreachable::port), false);
    flows_->close_all();
    expect_one_line({R"("failed")"});
}

TEST_F(FlowTableTest, ADenialIsLoggedOnceForAFlow) {
    for (int i = 0; i < 3; ++i) {
        flows_->deny(datagram("198.51.100.7", 53));
    }
    expect_one_line({R"("denied")", "198.51.100.7", "53"});
    flows_->deny(datagram("198.51.100.8", 53));
    EXPECT_EQ(lines().size(), 2U);
}

TEST_F(FlowTableTest, APublishedFlowSaysSo) {
    const FlowKey key{Protocol::udp, endpoint("10.0.2.15", 53), endpoint("203.0.113.9", 4000)};
    flows_->count_published(key, 0, 12);
    flows_->count_published(key, 34, 0);
    flows_->close_all();
    expect_one_line({R"("published":true)", R"("sent":34)", R"("received":12)"});
}

TEST_F(FlowTableTest, AMillionFlowsAreBounded) {
    constexpr unsigned many = 40'000;
    for (unsigned i = 0; i < many; ++i) {
        flows_->from_inside(datagram("198.51.100.7", 1 + i));
    }
    EXPECT_EQ(flows_->size(), 16384U);
    EXPECT_EQ(lines().size(), many - 16384U) << "what is forgotten is logged";
}

TEST_F(FlowTableTest, NothingIsKeptWhereNobodyAsks) {
    FlowLog unwanted{UniqueFd{}};
    FlowTable flows{reactor_, policy_, unwanted};
    flows.from_inside(datagram("198.51.100.7", 123));
    EXPECT_EQ(flows.size(), 0U);
    EXPECT_EQ(reactor_.timeout(), -1);
}

TEST(FlowOfError, AQuoteThatIsCutShortNamesNoFlow) {
    Ipv4 packet;
    packet.source = "10.0.2.2";
    packet.destination = "10.0.2.15";
    packet.protocol = icmp;
    for (std::size_t size = 8; size < 8 + 26; ++size) {
        packet.payload.assign(size, std::byte{0x4f});
        packet.payload[0] = std::byte{3};
        const Frame frame = packet.frame();
        EXPECT_FALSE(flow_of_error(parse_packet(frame).value())) << size;
    }
}

} // namespace
} // namespace sandbox::net
