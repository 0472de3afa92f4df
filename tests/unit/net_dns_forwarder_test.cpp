// SPDX-License-Identifier: Apache-2.0
// The forwarder between datagrams from inside and real servers on loopback sockets.
#include <dirent.h>
#include <gtest/gtest.h>

#include <set>

#include "net_dns_client.hpp"

namespace sandbox::net {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::size_t open_descriptors() {
    DIR* directory = ::opendir("/proc/self/fd");
    std::size_t count = 0;
    while (::readdir(directory) != nullptr) {
        ++count;
    }
    ::closedir(directory);
    return count;
}

/// A port of 127.0.0.1 where nobody is.
Endpoint dead_port() {
    const UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    SocketAddress address{{parse_ip_address("127.0.0.1").value(), 0}};
    (void)::bind(fd.get(), address.get(), address.size);
    (void)::getsockname(fd.get(), address.get(), &address.size);
    return address.endpoint();
}

class Forwarder : public ForwarderTest {};

// ---- datagrams -------------------------------------------------------------------------------------------

TEST_F(Forwarder, AnAnswerComesBackWithTheClientsId) {
    NameServer server{reactor_, says({address_record("one.test", "192.0.2.1")})};
    make();
    forwarder_->set_servers({server.endpoint()});
    ask(query_for("one.test", type_a, 0xbeef));
    ASSERT_TRUE(wait_for_answers(1));
    EXPECT_EQ(id_of(answers_[0]), 0xbeefU);
    EXPECT_EQ(answers_in(answers_[0]), 1U);
    EXPECT_EQ(policy_->name_of(parse_ip_address("192.0.2.1").value()), "one.test");
}

TEST_F(Forwarder, TheIpv6AddressAnswersToo) {
    NameServer server{reactor_, says({address_record("one.test", "192.0.2.1")})};
    make();
    forwarder_->set_servers({server.endpoint()});
    client_ = {parse_ip_address("fd00::15").value(), 40000};
    server_ = {IpAddress{ipv6_nameserver}, 53};
    ask(query_for("one.test"));
    EXPECT_TRUE(wait_for_answers(1));
}

TEST_F(Forwarder, EachQuestionHasAPortAndAnIdOfItsOwn) {
    NameServer server{reactor_, says({})};
    make();
    forwarder_->set_servers({server.endpoint()});
    for (unsigned id = 0; id < 32; ++id) {
        ask(query_for("one.test", type_a, id));
    }
    ASSERT_TRUE(wait_for_answers(32));
    std::set<std::uint16_t> ports;
    std::set<unsigned> ids;
    for (std::size_t i = 0; i < server.queries().size(); ++i) {
        ports.insert(server.clients()[i].port);
        ids.insert(id_of(server.queries()[i]));
    }
    EXPECT_GE(ports.size(), 28U);
    EXPECT_GE(ids.size(), 28U);
}

TEST_F(Forwarder, AQuestionAskedTwiceIsSentOnce) {
    NameServer server{reactor_, says_nothing()};
    make();
    forwarder_->set_servers({server.endpoint()});
    ask(query_for("one.test"));
    ask(query_for("one.test"));
    EXPECT_TRUE(run_until(reactor_, [&] { return !server.queries().empty(); }));
    EXPECT_FALSE(run_until(
        reactor_, [&] { return server.queries().size() > 1; }, milliseconds{100}));
}

TEST_F(Forwarder, ForgedAnswersAreWaitedOut) {
    NameServer server{reactor_, [](const DnsMessage& query) {
                          DnsMessage wrong_id =
                              says({address_record("one.test", "192.0.2.66")})(query).front();
                          wrong_id[0] ^= std::byte{1};
                          const DnsMessage wrong_name =
                              answer_to("two.test", {address_record("two.test", "192.0.2.66")}, id_of(query));
                          return std::vector{wrong_id, wrong_name, DnsMessage(3), DnsMessage{},
                                             says({address_record("one.test", "192.0.2.1")})(query).front()};
                      }};
    make();
    forwarder_->set_servers({server.endpoint()});
    ask(query_for("one.test"));
    ASSERT_TRUE(wait_for_answers(1));
    EXPECT_EQ(answers_[0].back(), std::byte{1});
    EXPECT_EQ(policy_->name_of(parse_ip_address("192.0.2.66").value()), "");
}

TEST_F(Forwarder, MalformedQuestionsAreAnsweredHere) {
    NameServer server{reactor_, says({})};
    make();
    forwarder_->set_servers({server.endpoint()});
    DnsMessage two = header(7, 0x0100, 2);
    ask(two);
    DnsMessage update = query_for("one.test");
    update[2] = std::byte{0x28};
    ask(update);
    ASSERT_EQ(answers_.size(), 2U);
    EXPECT_EQ(rcode_of(answers_[0]), 1U);
    EXPECT_EQ(rcode_of(answers_[1]), 4U);
    ask(DnsMessage(5));
    ask(answer_to("one.test", {}));
    EXPECT_FALSE(wait_for_answers(3, milliseconds{50}));
    EXPECT_TRUE(server.queries().empty());
}

TEST_F(Forwarder, AnAnswerLargerThanTheClientTakesIsCut) {
    const std::vector<DnsMessage> records(60, address_record("one.test", "192.0.2.1"));
    NameServer server{reactor_, says(records)};
    make();
    forwarder_->set_servers({server.endpoint()});
    ask(query_for("one.test", type_a, 1));
    ask(query_for("one.test", type_a, 2, 4096));
    ASSERT_TRUE(wait_for_answers(2));
    for (const DnsMessage& answer : answers_) {
        EXPECT_EQ(is_truncated(answer), id_of(answer) == 1);
        EXPECT_EQ(answers_in(answer), id_of(answer) == 1 ? 0U : 60U);
    }
}

TEST_F(Forwarder, NoDatagramIsLargerThanTheLinkTakes) {
    const std::vector<DnsMessage> records(60, address_record("one.test", "192.0.2.1"));
    NameServer server{reactor_, says(records)};
    make({}, 1280);
    forwarder_->set_servers({server.endpoint()});
    ask(query_for("one.test", type_a, 2, 65535));
    ASSERT_TRUE(wait_for_answers(1));
    EXPECT_TRUE(is_truncated(answers_[0]));
    EXPECT_EQ(word_of(server.queries()[0], server.queries()[0].size() - 8), 1280U - 28U)
        << "and the server is told so";
}

// ---- several servers -------------------------------------------------------------------------------------

TEST_F(Forwarder, ADeadServerIsPassedOverAtOnce) {
    NameServer server{reactor_, says({address_record("one.test", "192.0.2.1")})};
    make();
    forwarder_->set_servers({dead_port(), server.endpoint()});
    const auto begin = Clock::now();
    ask(query_for("one.test"));
    ASSERT_TRUE(wait_for_answers(1));
    EXPECT_EQ(rcode_of(answers_[0]), 0U);
    EXPECT_LT(Clock::now() - begin, seconds{1});
}

TEST_F(Forwarder, AnUnwillingServerIsPassedOverAtOnce) {
    for (const unsigned rcode : {2U, 4U, 5U}) {
        NameServer first{reactor_, says({}, 0x8180 | rcode)};
        NameServer second{reactor_, says({address_record("one.test", "192.0.2.1")})};
        make();
        answers_.clear();
        forwarder_->set_servers({first.endpoint(), second.endpoint()});
        ask(query_for("one.test"));
        ASSERT_TRUE(wait_for_answers(1, seconds{1}));
        EXPECT_EQ(rcode_of(answers_[0]), 0U);
        forwarder_.reset();
    }
}

TEST_F(Forwarder, WhereAllAreUnwillingTheClientHearsIt) {
    NameServer first{reactor_, says({}, 0x8185)};
    NameServer second{reactor_, says({}, 0x8185)};
    make();
    forwarder_->set_servers({first.endpoint(), second.endpoint()});
    ask(query_for("one.test"));
    ASSERT_TRUE(wait_for_answers(1, seconds{1}));
    EXPECT_EQ(rcode_of(answers_[0]), 5U);
}

TEST_F(Forwarder, ASilentServerCostsItsTimeOnce) {
    NameServer silent{reactor_, says_nothing()};
    NameServer server{reactor_, says({address_record("one.test", "192.0.2.1")})};
    make();
    forwarder_->set_servers({silent.endpoint(), server.endpoint()});
    ask(query_for("one.test", type_a, 1));
    ASSERT_TRUE(wait_for_answers(1, seconds{4}));
    EXPECT_EQ(rcode_of(answers_[0]), 0U);
    const auto begin = Clock::now();
    ask(query_for("one.test", type_a, 2));
    ASSERT_TRUE(wait_for_answers(2));
    EXPECT_LT(Clock::now() - begin, seconds{1});
}

TEST_F(Forwarder, ASlowServersAnswerStillCounts) {
    std::optional<DnsMessage> first_query;
    NameServer slow{reactor_, [&](const DnsMessage& query) -> std::vector<DnsMessage> {
                        if (!first_query) { // answers when asked again, and then the first question
                            first_query = query;
                            return {};
                        }
                        return says({address_record("one.test", "192.0.2.1")})(*first_query);
                    }};
    make();
    forwarder_->set_servers({slow.endpoint()});
    ask(query_for("one.test"));
    ASSERT_TRUE(wait_for_answers(1, seconds{4}));
    EXPECT_EQ(rcode_of(answers_[0]), 0U);
}

TEST_F(Forwarder, WithoutAServerThatLivesTheAnswerIsServfail) {
    make();
    forwarder_->set_servers({dead_port(), dead_port()});
    ask(query_for("one.test", type_a, 1));
    ASSERT_TRUE(wait_for_answers(1, seconds{1}));
    EXPECT_EQ(rcode_of(answers_[0]), 2U);
    forwarder_->set_servers({});
    ask(query_for("one.test", type_a, 2));
    ASSERT_TRUE(wait_for_answers(2, seconds{1}));
    EXPECT_EQ(rcode_of(answers_[1]), 2U);
}

TEST_F(Forwarder, SilenceOfAllIsServfailInBoundedTimeAndLeaksNothing) {
    NameServer silent{reactor_, says_nothing()};
    NameServer also_silent{reactor_, says_nothing()};
    make();
    forwarder_->set_servers({silent.endpoint(), also_silent.endpoint()});
    const std::size_t before = open_descriptors();
    const auto begin = Clock::now();
    for (unsigned id = 0; id < 300; ++id) { // more than may be under way
        ask(query_for("one.test", type_a, id));
    }
    EXPECT_GT(answers_.size(), 0U) << "beyond the limit the answer comes at once";
    ASSERT_TRUE(wait_for_answers(300));
    EXPECT_LT(Clock::now() - begin, seconds{5});
    for (const DnsMessage& answer : answers_) {
        EXPECT_EQ(rcode_of(answer), 2U);
    }
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_EQ(reactor_.timeout(), -1) << "no wake-up while nothing is asked";
}

TEST_F(Forwarder, NewServersAreAskedFromNowOn) {
    NameServer first{reactor_, says({address_record("one.test", "192.0.2.1")})};
    NameServer second{reactor_, says({address_record("one.test", "192.0.2.2")})};
    make();
    forwarder_->set_servers({first.endpoint()});
    ask(query_for("one.test", type_a, 1));
    ASSERT_TRUE(wait_for_answers(1));
    forwarder_->set_servers({second.endpoint()});
    ask(query_for("one.test", type_a, 2));
    ASSERT_TRUE(wait_for_answers(2));
    EXPECT_EQ(answers_[1].back(), std::byte{2});
}

TEST_F(Forwarder, ItCanGoWhileQuestionsAreUnderWay) {
    NameServer silent{reactor_, says_nothing()};
    make();
    const std::size_t before = open_descriptors();
    forwarder_->set_servers({silent.endpoint()});
    ask(query_for("one.test"));
    const UniqueFd stream = connect();
    send(stream.get(), query_for("two.test"));
    EXPECT_TRUE(run_until(reactor_, [&] { return silent.queries().size() == 2; }));
    forwarder_.reset();
    EXPECT_EQ(reactor_.timeout(), -1);
    EXPECT_TRUE(is_closed(stream.get()));
    EXPECT_LE(open_descriptors(), before + 2) << "the client's end, and the server's";
}

// ---- with an allow-list ----------------------------------------------------------------------------------

TEST_F(Forwarder, ANameThatIsNotAllowedIsNotAsked) {
    NameServer server{reactor_, says({address_record("evil.test", "192.0.2.66")})};
    make({"one.test", "*.below.test"});
    forwarder_->set_servers({server.endpoint()});
    for (const char* name : {"evil.test", "x.one.test", "below.test", "test", ""}) {
        for (const unsigned type : {type_a, type_txt, 12U, 65U}) {
            ask(query_for(name, type, 1, 1232));
        }
    }
    ASSERT_EQ(answers_.size(), 20U) << "at once";
    for (const DnsMessage& answer : answers_) {
        EXPECT_EQ(rcode_of(answer), 3U);
        EXPECT_EQ(word_of(answer, 8), 0U) << "no SOA, so nobody keeps it";
    }
    EXPECT_FALSE(run_until(
        reactor_, [&] { return !server.queries().empty(); }, milliseconds{100}));
    EXPECT_EQ(log_.summary().find("denied: 20 attempts at 5 places"), 0U) << log_.summary();
}

TEST_F(Forwarder, AnAllowedNamesAddressesOpenBeforeTheClientHasThem) {
    NameServer server{
        reactor_,
        says({alias_record("one.test", "cdn.example"), address_record("cdn.example", "192.0.2.1"),
              address_record("cdn.example", "2001:db8::1"), address_record("other.example", "192.0.2.2")})};
    make({"one.test"});
    forwarder_->set_servers({server.endpoint()});
    EXPECT_FALSE(allows("192.0.2.1"));
    ask(query_for("ONE.test"));
    ASSERT_TRUE(wait_for_answers(1));
    EXPECT_TRUE(allows("192.0.2.1"));
    EXPECT_TRUE(allows("2001:db8::1"));
    EXPECT_FALSE(allows("192.0.2.2"));
}

TEST_F(Forwarder, AHintInAServiceRecordOpensNothing) {
    // HTTPS: priority 1, target ".", ipv4hint (key 4) 192.0.2.1. RFC 9460, 7.3.
    constexpr std::string_view data{"\0\x01\0\0\x04\0\x04\xc0\0\x02\x01", 11};
    NameServer server{reactor_, says({record("one.test", 65, 300, std::as_bytes(std::span{data}))})};
    make({"one.test"});
    forwarder_->set_servers({server.endpoint()});
    ask(query_for("one.test", 65));
    ASSERT_TRUE(wait_for_answers(1));
    EXPECT_EQ(answers_in(answers_[0]), 1U);
    EXPECT_FALSE(allows("192.0.2.1"));
}

} // namespace

} // namespace sandbox::net
