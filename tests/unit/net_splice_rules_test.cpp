// SPDX-License-Identifier: Apache-2.0
// The pure parts of engine 2: the netlink messages of the rules, the answers to failures, whom a service
// sees.
#include <gtest/gtest.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cstring>
#include <vector>

#include "net/addresses.hpp"
#include "net/connect_error.hpp"
#include "net/pipe_pool.hpp"
#include "net/splice_rules.hpp"
#include "net/tcp_publisher.hpp"

using namespace sandbox;
using namespace sandbox::net;

namespace {

std::vector<nlmsghdr> messages_of(std::span<const std::byte> batch) {
    std::vector<nlmsghdr> messages;
    while (batch.size() >= sizeof(nlmsghdr)) {
        nlmsghdr header{};
        std::memcpy(&header, batch.data(), sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > batch.size()) {
            break;
        }
        messages.push_back(header);
        batch = batch.subspan(header.nlmsg_len);
    }
    EXPECT_TRUE(batch.empty());
    return messages;
}

Endpoint peer(const char* address, std::uint16_t port = 40000) {
    return {*parse_ip_address(address), port};
}

const Endpoint gateway{IpAddress{ipv4_gateway}, 0};
const Endpoint gateway_ipv6{IpAddress{ipv6_gateway}, 0};

} // namespace

TEST(SpliceRules, AreOneTransactionWhoseLastMessageIsAcknowledged) {
    for (const bool ipv6 : {false, true}) {
        NftBatch batch = splice_rules(ipv6, 7);
        const auto messages = messages_of(batch.finish());
        ASSERT_EQ(messages.size(), 10U); // begin, a table, two chains, five rules, end
        EXPECT_EQ(messages.front().nlmsg_type, NFNL_MSG_BATCH_BEGIN);
        EXPECT_EQ(messages.back().nlmsg_type, NFNL_MSG_BATCH_END);
        EXPECT_EQ(messages[1].nlmsg_type & 0xff, NFT_MSG_NEWTABLE);
        EXPECT_EQ(messages[2].nlmsg_type & 0xff, NFT_MSG_NEWCHAIN);
        for (std::size_t i = 0; i < messages.size(); ++i) {
            EXPECT_EQ(messages[i].nlmsg_len % 4, 0U);
            EXPECT_EQ(messages[i].nlmsg_seq, i + 1);
            EXPECT_EQ((messages[i].nlmsg_flags & NLM_F_ACK) != 0, i == 8);
        }
    }
}

TEST(SpliceRules, TheListenerIsNoAddressThatTrafficHas) {
    EXPECT_EQ(to_string(splice_listener(false).address), "192.0.0.8");
    EXPECT_EQ(to_string(splice_listener(true).address), "100::8");
    EXPECT_LT(splice_listener(false).port, 1024); // none that a program without privilege could want
}

TEST(ConnectError, IsAnsweredSoThatConnectFailsAlike) {
    EXPECT_TRUE(answer_to(ECONNREFUSED).reset);
    EXPECT_TRUE(answer_to(EMFILE).reset);
    EXPECT_EQ(answer_to(ENETUNREACH).unreachable, Unreachable::network);
    EXPECT_EQ(answer_to(EHOSTUNREACH).unreachable, Unreachable::host);
    EXPECT_EQ(answer_to(EACCES).unreachable, Unreachable::prohibited);
    EXPECT_FALSE(answer_to(ETIMEDOUT).reset);
    EXPECT_FALSE(answer_to(ETIMEDOUT).unreachable.has_value());
}

TEST(VisiblePeer, IsThePeerWhereTheInsideCanAnswerIt) {
    EXPECT_EQ(visible_peer(peer("198.51.100.7"), false), peer("198.51.100.7"));
    EXPECT_EQ(visible_peer(peer("2001:db8::7"), true), peer("2001:db8::7"));
}

TEST(VisiblePeer, IsNeverLoopback) {
    EXPECT_EQ(visible_peer(peer("127.0.0.1"), false), gateway);
    EXPECT_EQ(visible_peer(peer("127.9.9.9"), false), gateway);
    EXPECT_EQ(visible_peer(peer("::1"), true), gateway_ipv6);
}

TEST(VisiblePeer, IsTheGatewayWhereItsAddressMeansAnotherInside) {
    for (const char* address : {"10.0.2.15", "10.0.2.77", "0.0.0.0", "169.254.1.1"}) {
        EXPECT_EQ(visible_peer(peer(address), false), gateway) << address;
    }
    for (const char* address : {"fd00::15", "fd00::99", "fe80::1", "::", "198.51.100.7"}) {
        EXPECT_EQ(visible_peer(peer(address), true), gateway_ipv6) << address;
    }
    EXPECT_EQ(visible_peer(peer("2001:db8::7"), false), gateway);
}

TEST(PipePool, LendsFewLargePipesAndTakesThemBack) {
    PipePool pool;
    std::vector<SplicePipe> lent;
    for (std::size_t i = 0; i < 2 * PipePool::max_large_pipes; ++i) {
        auto pipe = pool.borrow(true);
        ASSERT_TRUE(pipe);
        lent.push_back(std::move(*pipe));
    }
    EXPECT_LE(pool.lent_large(), PipePool::max_large_pipes);
    for (SplicePipe& pipe : lent) {
        pool.give_back(std::move(pipe));
    }
    EXPECT_EQ(pool.lent(), 0U);
    EXPECT_EQ(pool.lent_large(), 0U);
}
