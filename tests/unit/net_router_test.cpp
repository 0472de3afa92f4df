// SPDX-License-Identifier: Apache-2.0
// Which part gets a frame, and what the inside hears where none does.
#include "net/router.hpp"

#include "net_frames.hpp"
#include "net_wire.hpp"

namespace sandbox::net {
namespace {

struct Engine : TcpEngine {
    bool input(const Packet&) override {
        ++segments;
        return takes;
    }
    int segments = 0;
    bool takes = true;
};

class RouterTest : public ::testing::Test {
  protected:
    void make(const std::vector<std::string>& allow = {}, bool host_loopback = false,
              bool with_engine = false) {
        std::vector<AllowRule> rules;
        for (const std::string& rule : allow) {
            rules.push_back(parse_allow_rule("--allow", rule));
        }
        policy_.emplace(std::move(rules), host_loopback);
        flows_.emplace(reactor_, *policy_, log_);
        router_.emplace(wire_.tap(), *policy_, *flows_, true);
        router_->connect({.slirp = [this](Bytes) { ++slirp_; },
                          .dns = [this](const Packet&) { ++dns_; },
                          .echo = [this](const Packet&) { ++echo_; },
                          .published = [this](const Packet& packet) { return packet.source.port == 5353; },
                          .tcp = with_engine ? &engine_ : nullptr});
    }

    std::optional<Packet> answer() {
        answer_ = wire_.next();
        return parse_packet(answer_);
    }

    static Frame tcp_to(const std::string& address, unsigned port = 80, unsigned flags = tcp_syn) {
        Frame payload = transport(tcp, port);
        payload[13] = static_cast<std::byte>(flags);
        return ip_to(address, tcp, payload);
    }
    static Frame udp_to(const std::string& address, unsigned port, unsigned source_port = 40000) {
        return ip_to(address, udp, transport(udp, port, source_port));
    }
    static Frame echo_to(const std::string& address) {
        const int protocol = address.find(':') == std::string::npos ? icmp : icmpv6;
        return ip_to(address, protocol, transport(protocol));
    }
    static Frame ip_to(const std::string& address, int protocol, const Frame& payload) {
        if (address.find(':') != std::string::npos) {
            Ipv6 packet;
            packet.destination = address;
            packet.protocol = protocol;
            packet.payload = payload;
            return packet.frame();
        }
        Ipv4 packet;
        packet.destination = address;
        packet.protocol = protocol;
        packet.payload = payload;
        return packet.frame();
    }

    Wire wire_;
    Reactor reactor_;
    FlowLog log_{UniqueFd{}};
    std::optional<Policy> policy_;
    std::optional<FlowTable> flows_;
    std::optional<Router> router_;
    Engine engine_;
    Frame answer_;
    int slirp_ = 0, dns_ = 0, echo_ = 0;
};

TEST_F(RouterTest, WhatIsNotRefusedGoesToLibslirp) {
    make();
    router_->from_inside(tcp_to("198.51.100.7"));
    router_->from_inside(udp_to("2001:db8::7", 123));
    router_->from_inside(arp(1, "10.0.2.15", "10.0.2.2"));
    EXPECT_EQ(slirp_, 3);
    EXPECT_FALSE(answer());
}

TEST_F(RouterTest, AFrameThatTheFilterDropsGoesNowhere) {
    make();
    router_->from_inside(tcp_to("127.0.0.1"));
    router_->from_inside(udp_to("::1", 53));
    router_->from_inside(Frame(5));
    EXPECT_EQ(slirp_ + dns_ + echo_, 0);
    EXPECT_FALSE(answer());
}

TEST_F(RouterTest, QuestionsToTheNameserverGoToTheForwarder) {
    make({"192.0.2.0/24"});
    router_->from_inside(udp_to("10.0.2.3", 53));
    router_->from_inside(udp_to("fd00::3", 53));
    EXPECT_EQ(dns_, 2);
    EXPECT_EQ(slirp_, 0);
}

TEST_F(RouterTest, OtherPortsOfTheNameserverAreClosed) {
    make();
    router_->from_inside(udp_to("10.0.2.3", 54));
    const auto unreachable = answer();
    ASSERT_TRUE(unreachable);
    EXPECT_EQ(unreachable->protocol, Protocol::icmp);
    EXPECT_EQ(byte_at(unreachable->transport, 1), 3U) << "port unreachable";
    router_->from_inside(tcp_to("10.0.2.3", 80));
    const auto reset = answer();
    ASSERT_TRUE(reset);
    EXPECT_TRUE(reset->tcp_flags & tcp_rst);
    EXPECT_EQ(slirp_, 0);
}

TEST_F(RouterTest, WithoutAListenerTheNameserversPortIsClosedToTcp) {
    make();
    router_->from_inside(tcp_to("10.0.2.3", 53));
    EXPECT_EQ(slirp_, 1);
    router_->close_dns_stream_port();
    router_->from_inside(tcp_to("10.0.2.3", 53));
    EXPECT_EQ(slirp_, 1);
    EXPECT_TRUE(answer());
}

TEST_F(RouterTest, TcpToTheNameserversIpv6AddressNeverReachesLibslirp) {
    make();
    router_->from_inside(tcp_to("fd00::3", 53));
    EXPECT_EQ(slirp_, 0);
    EXPECT_TRUE(answer());
}

TEST_F(RouterTest, ADeniedConnectionIsResetAtOnce) {
    make({"192.0.2.1"});
    router_->from_inside(tcp_to("198.51.100.7", 443));
    const auto reset = answer();
    ASSERT_TRUE(reset);
    EXPECT_TRUE(reset->tcp_flags & tcp_rst);
    EXPECT_EQ(reset->source, endpoint("198.51.100.7", 443));
    EXPECT_EQ(slirp_, 0);
}

TEST_F(RouterTest, ADeniedDatagramIsProhibitedAtOnce) {
    make({"192.0.2.1"});
    for (const char* address : {"198.51.100.7", "2001:db8::7"}) {
        router_->from_inside(udp_to(address, 53));
        const auto error = answer();
        ASSERT_TRUE(error) << address;
        const bool is_ipv6 = error->protocol == Protocol::icmpv6;
        EXPECT_EQ(byte_at(error->transport, 0), is_ipv6 ? 1U : 3U);
        EXPECT_EQ(byte_at(error->transport, 1), is_ipv6 ? 1U : 13U);
    }
    EXPECT_EQ(slirp_, 0);
}

TEST_F(RouterTest, ADeniedPingIsProhibitedAtOnce) {
    make({"192.0.2.1"});
    router_->from_inside(echo_to("198.51.100.7"));
    EXPECT_TRUE(answer());
    router_->from_inside(echo_to("2001:db8::7"));
    EXPECT_TRUE(answer());
    EXPECT_EQ(echo_, 0);
}

TEST_F(RouterTest, TheGatewayIsClosedUnlessHostLoopbackIsAskedFor) {
    make();
    router_->from_inside(tcp_to("10.0.2.2", 22));
    router_->from_inside(udp_to("fd00::2", 53));
    EXPECT_TRUE(answer());
    EXPECT_TRUE(answer());
    EXPECT_EQ(slirp_, 0);
    make({}, true);
    router_->from_inside(tcp_to("10.0.2.2", 22));
    router_->from_inside(udp_to("fd00::2", 53));
    EXPECT_EQ(slirp_, 2);
}

TEST_F(RouterTest, DhcpReachesLibslirpWhateverThePolicySays) {
    make({"192.0.2.1"});
    Ipv4 packet;
    packet.source = "0.0.0.0";
    packet.destination = "255.255.255.255";
    packet.protocol = udp;
    packet.payload = transport(udp, 67, 68);
    router_->from_inside(packet.frame());
    router_->from_inside(udp_to("10.0.2.2", 67, 68));
    EXPECT_EQ(slirp_, 2);
}

TEST_F(RouterTest, APortOfDhcpIsNoWayToTheHostsLoopback) {
    make({"192.0.2.1"}, true);
    router_->from_inside(udp_to("fd00::2", 67));
    EXPECT_TRUE(answer());
    EXPECT_EQ(slirp_, 0);
}

TEST_F(RouterTest, NeighbourDiscoveryReachesLibslirp) {
    make({"192.0.2.1"});
    Ipv6 packet;
    packet.destination = "ff02::1:ff00:2";
    packet.protocol = icmpv6;
    packet.payload = neighbour_message(135);
    router_->from_inside(packet.frame());
    EXPECT_EQ(slirp_, 1);
}

TEST_F(RouterTest, TheGatewayAnswersPingsItself) {
    make({"192.0.2.1"});
    for (const char* address : {"10.0.2.2", "10.0.2.3", "fd00::2", "fe80::3"}) {
        router_->from_inside(echo_to(address));
        const auto reply = answer();
        ASSERT_TRUE(reply) << address;
        EXPECT_EQ(to_string(reply->source.address), address);
        EXPECT_EQ(byte_at(reply->transport, 0), reply->protocol == Protocol::icmp ? 0U : 129U);
    }
    EXPECT_EQ(echo_ + slirp_, 0);
}

TEST_F(RouterTest, OtherPingsGoToTheRelay) {
    make();
    router_->from_inside(echo_to("198.51.100.7"));
    router_->from_inside(echo_to("2001:db8::7"));
    EXPECT_EQ(echo_, 2);
    EXPECT_EQ(slirp_, 0);
}

TEST_F(RouterTest, AnAnswerOfAPublishedPortPassesThePolicy) {
    make({"192.0.2.1"});
    router_->from_inside(udp_to("198.51.100.7", 9, 5353));
    EXPECT_FALSE(answer());
    EXPECT_EQ(slirp_, 0);
}

TEST_F(RouterTest, TheEngineGetsTcpBeforeLibslirp) {
    make({}, false, true);
    router_->from_inside(tcp_to("198.51.100.7"));
    router_->from_inside(tcp_to("10.0.2.3", 53));
    EXPECT_EQ(engine_.segments, 2);
    EXPECT_EQ(slirp_, 0);
    engine_.takes = false;
    router_->from_inside(tcp_to("198.51.100.7", 80, tcp_ack));
    EXPECT_EQ(engine_.segments, 3);
    EXPECT_EQ(slirp_, 1);
}

TEST_F(RouterTest, TheEngineNeverSeesADeniedConnection) {
    make({"192.0.2.1"}, false, true);
    router_->from_inside(tcp_to("198.51.100.7"));
    EXPECT_EQ(engine_.segments, 0);
}

TEST_F(RouterTest, AnOpenFlowOutlivesTheNameThatAllowedIt) {
    make({"example.org"});
    policy_->learn("example.org", endpoint("198.51.100.7", 0).address, std::chrono::seconds{60},
                   Clock::now() - std::chrono::hours{1});
    router_->from_inside(udp_to("198.51.100.7", 123));
    EXPECT_EQ(slirp_, 0) << "its answer is too old for a new flow";
    (void)answer();
    policy_->learn("example.org", endpoint("198.51.100.7", 0).address, std::chrono::seconds{60},
                   Clock::now());
    router_->from_inside(udp_to("198.51.100.7", 123));
    EXPECT_EQ(slirp_, 1);
    EXPECT_EQ(flows_->size(), 1U);
}

TEST_F(RouterTest, WithAnAllowListOnlyThoseWrittenToMayWriteIn) {
    make({"192.0.2.1"});
    const auto from = [](const char* address) {
        return make_datagram(endpoint(address, 123), endpoint("10.0.2.15", 40000), {}, Wire::guest);
    };
    router_->from_inside(udp_to("192.0.2.1", 123));
    router_->to_inside(from("192.0.2.1"));
    EXPECT_TRUE(answer());
    router_->to_inside(from("198.51.100.7"));
    EXPECT_FALSE(answer());
    router_->to_inside(make_datagram(endpoint("10.0.2.2", 67), endpoint("10.0.2.15", 68), {}, Wire::guest));
    EXPECT_TRUE(answer()) << "DHCP";
}

TEST_F(RouterTest, WithoutAnAllowListAnybodyMayWriteIn) {
    make();
    router_->to_inside(
        make_datagram(endpoint("198.51.100.7", 9), endpoint("10.0.2.15", 40000), {}, Wire::guest));
    EXPECT_TRUE(answer());
}

} // namespace
} // namespace sandbox::net
