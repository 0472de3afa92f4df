// SPDX-License-Identifier: Apache-2.0
// The forwarder's connections: many questions at once, slow and greedy clients, and their end.
#include <gtest/gtest.h>

#include <set>

#include "net_dns_client.hpp"

namespace sandbox::net {

namespace {

using std::chrono::seconds;

class ForwarderStream : public ForwarderTest {};

TEST_F(ForwarderStream, AStreamHasManyQuestionsAnsweredInAnyOrder) {
    std::optional<DnsMessage> held;
    NameServer server{reactor_, [&](const DnsMessage& query) -> std::vector<DnsMessage> {
                          return parse_query(query)->name == "slow.test"
                                     ? std::vector<DnsMessage>{}
                                     : says({address_record("one.test", "192.0.2.1")})(query);
                      }};
    make();
    forwarder_->set_servers({server.endpoint()});
    const UniqueFd stream = connect();
    send(stream.get(), query_for("slow.test", type_a, 1));
    for (unsigned id = 2; id < 102; ++id) {
        send(stream.get(), query_for("one.test", type_a, id));
    }
    std::set<unsigned> ids;
    for (const DnsMessage& answer : receive(stream.get(), 100)) {
        ids.insert(id_of(answer));
    }
    EXPECT_EQ(ids.size(), 100U);
    EXPECT_EQ(ids.count(1), 0U);
}

TEST_F(ForwarderStream, AStreamsQuestionGoesOutByTcpAndItsAnswerMayBeLarge) {
    const std::vector<DnsMessage> records(2000, address_record("one.test", "192.0.2.1"));
    NameServer server{reactor_, says(records)};
    make();
    forwarder_->set_servers({server.endpoint()});
    const UniqueFd stream = connect();
    send(stream.get(), query_for("one.test", type_a, 7));
    const auto answers = receive(stream.get(), 1);
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers_in(answers[0]), 2000U);
    EXPECT_TRUE(server.clients().empty()) << "no datagram";
}

TEST_F(ForwarderStream, AStreamsQuestionsAreJudgedToo) {
    NameServer server{reactor_, says({address_record("one.test", "192.0.2.1")})};
    make({"one.test"});
    forwarder_->set_servers({server.endpoint()});
    const UniqueFd stream = connect();
    send(stream.get(), query_for("evil.test", type_a, 1));
    send(stream.get(), query_for("one.test", type_a, 2));
    const auto answers = receive(stream.get(), 2);
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(rcode_of(answers[0]), 3U);
    EXPECT_EQ(rcode_of(answers[1]), 0U);
    EXPECT_EQ(server.queries().size(), 1U);
    EXPECT_TRUE(allows("192.0.2.1"));
}

TEST_F(ForwarderStream, AMessageMayComeByteByByte) {
    NameServer server{reactor_, says({})};
    make();
    forwarder_->set_servers({server.endpoint()});
    const UniqueFd stream = connect();
    DnsMessage framed;
    put_word(framed, static_cast<unsigned>(query_for("one.test").size()));
    put_bytes(framed, query_for("one.test"));
    for (const std::byte byte : framed) {
        ASSERT_EQ(::send(stream.get(), &byte, 1, MSG_NOSIGNAL), 1);
        reactor_.dispatch();
    }
    EXPECT_EQ(receive(stream.get(), 1).size(), 1U);
}

TEST_F(ForwarderStream, AHalfClosedStreamStillGetsItsAnswers) {
    NameServer server{reactor_, says({})};
    make();
    forwarder_->set_servers({server.endpoint()});
    const UniqueFd stream = connect();
    send(stream.get(), query_for("one.test"));
    ASSERT_EQ(::shutdown(stream.get(), SHUT_WR), 0);
    EXPECT_EQ(receive(stream.get(), 2).size(), 1U);
    EXPECT_TRUE(is_closed(stream.get()));
}

TEST_F(ForwarderStream, AClientThatLeavesTakesItsQuestionsAlong) {
    NameServer silent{reactor_, says_nothing()};
    make();
    forwarder_->set_servers({silent.endpoint()});
    {
        const UniqueFd stream = connect();
        send(stream.get(), query_for("one.test"));
        EXPECT_TRUE(run_until(reactor_, [&] { return silent.queries().size() == 1; }));
    }
    EXPECT_TRUE(run_until(
        reactor_, [&] { return reactor_.timeout() == -1; }, seconds{1}));
}

TEST_F(ForwarderStream, TheQuietestStreamMakesRoom) {
    make();
    std::vector<UniqueFd> streams;
    for (std::size_t i = 0; i < DnsForwarder::most_clients; ++i) {
        streams.push_back(connect());
        if (i == 0) {
            send(streams[0].get(), header(1, 0x0100, 0)); // answered here
        }
    }
    EXPECT_EQ(receive(streams[0].get(), 1).size(), 1U);
    streams.push_back(connect());
    EXPECT_TRUE(is_closed(streams[1].get()));
    send(streams[0].get(), header(2, 0x0100, 0));
    EXPECT_EQ(receive(streams[0].get(), 1).size(), 1U);
    send(streams.back().get(), header(3, 0x0100, 0));
    EXPECT_EQ(receive(streams.back().get(), 1).size(), 1U);
}

TEST_F(ForwarderStream, AClientThatTakesNoAnswersIsReadNoFurther) {
    const std::vector<DnsMessage> records(2000, address_record("one.test", "192.0.2.1"));
    NameServer server{reactor_, says(records)};
    make();
    forwarder_->set_servers({server.endpoint()});
    const UniqueFd stream = connect();
    std::size_t sent = 0;
    const DnsMessage query = query_for("one.test");
    DnsMessage framed;
    put_word(framed, static_cast<unsigned>(query.size()));
    put_bytes(framed, query);
    (void)run_until(
        reactor_,
        [&] {
            while (::send(stream.get(), framed.data(), framed.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
                ++sent;
            }
            return false;
        },
        seconds{1});
    EXPECT_LT(server.queries().size(), 200U);
    EXPECT_GT(sent, server.queries().size());
}

} // namespace

} // namespace sandbox::net
