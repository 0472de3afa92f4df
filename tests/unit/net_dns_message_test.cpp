// SPDX-License-Identifier: Apache-2.0
// DNS messages read and made: what a client may ask, what counts as an answer, and what bytes cannot do.
#include "net/dns_message.hpp"

#include <gtest/gtest.h>

#include "net_dns.hpp"

namespace sandbox::net {

namespace {

using std::chrono::seconds;

DnsRcode verdict_on(const DnsMessage& message) {
    const auto query = parse_query(message);
    return query ? query->verdict : throw std::runtime_error("no query");
}

std::vector<std::string> addresses_in(const DnsMessage& message, std::string_view name = "one.test") {
    const auto answer = parse_answer(message, 0x1234, question(name, type_a));
    std::vector<std::string> list;
    if (!answer) {
        return {"nothing"};
    }
    for (const auto& address : answer->addresses) {
        list.push_back(to_string(address.address));
    }
    return list;
}

using Texts = std::vector<std::string>;

// ---- queries ---------------------------------------------------------------------------------------------

TEST(DnsQuery, AQuestionIsRead) {
    const auto query = parse_query(query_for("Www.Example.ORG", type_aaaa, 7, 4096));
    ASSERT_TRUE(query);
    EXPECT_EQ(query->verdict, DnsRcode::no_error);
    EXPECT_EQ(query->id, 7);
    EXPECT_EQ(query->name, "www.example.org");
    EXPECT_EQ(query->type, type_aaaa);
    EXPECT_EQ(query->question, question("Www.Example.ORG", type_aaaa));
    ASSERT_TRUE(query->edns);
    EXPECT_EQ(query->edns->payload_size, 4096);
    EXPECT_TRUE(query->edns->dnssec_ok);
    EXPECT_EQ(query->datagram_limit(), 4096U);
}

TEST(DnsQuery, WithoutEdnsADatagramHas512Bytes) {
    EXPECT_EQ(parse_query(query_for("one.test"))->datagram_limit(), 512U);
    EXPECT_EQ(parse_query(query_for("one.test", type_a, 1, 100))->datagram_limit(), 512U);
}

TEST(DnsQuery, ANameThatIsNoHostNameHasNoCanonicalForm) {
    const auto query = parse_query(query_for("My Printer.local"));
    ASSERT_TRUE(query);
    EXPECT_EQ(query->verdict, DnsRcode::no_error);
    EXPECT_EQ(query->name, "");
    EXPECT_EQ(query->text, "My\\032Printer.local");
}

TEST(DnsQuery, ADotWithinALabelIsNoSeparator) {
    DnsMessage message = header(1, 0x0100, 1);
    constexpr std::string_view label = "evil.example";
    message.push_back(static_cast<std::byte>(label.size()));
    put_bytes(message, std::as_bytes(std::span{label}));
    put_bytes(message, question("", type_a));
    EXPECT_EQ(parse_query(message)->name, "");
}

TEST(DnsQuery, WhatIsNoQuestionGetsNoAnswer) {
    EXPECT_FALSE(parse_query({}));
    EXPECT_FALSE(parse_query(DnsMessage(11)));
    DnsMessage answer = query_for("one.test");
    answer[2] |= std::byte{0x80};
    EXPECT_FALSE(parse_query(answer)) << "two forwarders would talk for ever";
}

TEST(DnsQuery, OtherOpcodesAreNotImplemented) {
    DnsMessage message = query_for("one.test");
    message[2] = std::byte{0x28}; // UPDATE
    EXPECT_EQ(verdict_on(message), DnsRcode::not_implemented);
}

TEST(DnsQuery, CountsThatDoNotFitAreFormatErrors) {
    for (const std::size_t count : {4U, 6U, 8U, 10U}) {
        DnsMessage message = query_for("one.test");
        message[count] = std::byte{0xff};
        EXPECT_EQ(verdict_on(message), DnsRcode::format_error) << count;
    }
    DnsMessage two = header(1, 0x0100, 2);
    put_bytes(two, question("one.test", type_a));
    put_bytes(two, question("two.test", type_a));
    EXPECT_EQ(verdict_on(two), DnsRcode::format_error);
    EXPECT_EQ(verdict_on(header(1, 0x0100, 0)), DnsRcode::format_error);
}

TEST(DnsQuery, TrailingBytesAreAFormatError) {
    DnsMessage message = query_for("one.test");
    put_word(message, 0);
    EXPECT_EQ(verdict_on(message), DnsRcode::format_error);
}

TEST(DnsQuery, ANamePointingIntoTheHeaderIsAFormatError) {
    // The header is made anew on the way out, so the server would read another name than was judged.
    DnsMessage message = header(0x0161, 0x0100, 1); // the id reads as a label "a"
    put_word(message, 0xc000);
    put_word(message, type_a);
    put_word(message, 1);
    EXPECT_EQ(verdict_on(message), DnsRcode::format_error);
}

TEST(DnsQuery, ClassesAndTypesThatMeanNoLookUpAreRefused) {
    DnsMessage chaos = header(1, 0x0100, 1);
    put_bytes(chaos, question("version.bind", type_txt, 3));
    EXPECT_EQ(verdict_on(chaos), DnsRcode::refused);
    for (const unsigned type : {0U, 41U, 249U, 250U, 251U, 252U}) {
        EXPECT_EQ(verdict_on(query_for("one.test", type)), DnsRcode::refused) << type;
    }
    for (const unsigned type : {12U, 16U, 65U, 255U, 65280U}) {
        EXPECT_EQ(verdict_on(query_for("one.test", type)), DnsRcode::no_error) << type;
    }
}

TEST(DnsQuery, AnUnknownEdnsVersionIsAnsweredAsSuch) {
    DnsMessage message = header(1, 0x0100, 1, 0, 0, 1);
    put_bytes(message, question("one.test", type_a));
    put_bytes(message, record("", 41, 0x00010000, {}, 1232));
    const auto query = parse_query(message);
    ASSERT_TRUE(query);
    EXPECT_EQ(query->verdict, DnsRcode::bad_version);
    const DnsMessage reply = make_reply(*query, query->verdict);
    EXPECT_EQ(rcode_of(reply), 0U);
    EXPECT_EQ(word_of(reply, reply.size() - 6), 0x0100U) << "the upper bits stand in OPT";
}

TEST(DnsQuery, TwoOptRecordsAreAFormatError) {
    DnsMessage message = header(1, 0x0100, 1, 0, 0, 2);
    put_bytes(message, question("one.test", type_a));
    put_bytes(message, record("", 41, 0, {}, 1232));
    put_bytes(message, record("", 41, 0, {}, 1232));
    EXPECT_EQ(verdict_on(message), DnsRcode::format_error);
}

TEST(DnsQuery, OnlyTheQuestionGoesOut) {
    DnsMessage message = header(1, 0x0130, 1, 0, 0, 1); // RD, AD, CD
    put_bytes(message, question("one.test", type_a));
    constexpr std::string_view option{"\0\x0a\0\x08smuggled", 12};
    put_bytes(message, record("", 41, 0x8000, std::as_bytes(std::span{option}), 4096));
    const auto query = parse_query(message);
    ASSERT_TRUE(query);
    DnsMessage expected = header(0x4711, 0x0130, 1, 0, 0, 1);
    put_bytes(expected, question("one.test", type_a));
    put_bytes(expected, record("", 41, 0x8000, {}, 1400));
    EXPECT_EQ(make_query(*query, 0x4711, 1400), expected);
}

TEST(DnsQuery, AReplyRepeatsTheQuestionAndSaysWhy) {
    const auto query = parse_query(query_for("evil.example", type_a, 9, 1232));
    const DnsMessage reply = make_reply(*query, DnsRcode::no_such_name, "no");
    EXPECT_EQ(id_of(reply), 9U);
    EXPECT_EQ(word_of(reply, 2), 0x8183U); // QR RD RA, NXDOMAIN
    EXPECT_TRUE(std::equal(query->question.begin(), query->question.end(), reply.begin() + 12));
    EXPECT_EQ(additional_in(reply), 1U);
    const std::string_view tail{reinterpret_cast<const char*>(reply.data()) + reply.size() - 10, 10};
    EXPECT_EQ(tail, (std::string_view{"\0\x08\0\x0f\0\x04\0\x0fno", 10}));
    EXPECT_EQ(additional_in(make_reply(*parse_query(query_for("a")), DnsRcode::no_such_name, "no")), 0U);
}

// ---- answers ---------------------------------------------------------------------------------------------

TEST(DnsAnswer, AddressesAreRead) {
    const auto message = answer_to("one.test", {address_record("one.test", "192.0.2.1", 60),
                                                address_record("ONE.test", "2001:db8::1", 0x80000000)});
    const auto answer = parse_answer(message, 0x1234, question("One.Test", type_a));
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->addresses.size(), 2U);
    EXPECT_EQ(to_string(answer->addresses[0].address), "192.0.2.1");
    EXPECT_EQ(answer->addresses[0].lifetime, seconds{60});
    EXPECT_EQ(answer->addresses[1].lifetime, seconds{0}) << "RFC 2181, 8";
}

TEST(DnsAnswer, AChainOfAliasesIsFollowedInAnyOrder) {
    const auto message = answer_to(
        "one.test", {address_record("three.test", "192.0.2.3", 500),
                     alias_record("two.test", "three.test", 20), alias_record("one.test", "two.test", 100)});
    const auto answer = parse_answer(message, 0x1234, question("one.test", type_a));
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->addresses.size(), 1U);
    EXPECT_EQ(answer->addresses[0].lifetime, seconds{20}) << "the chain's least";
}

TEST(DnsAnswer, RecordsOfOtherNamesTeachNothing) {
    EXPECT_EQ(addresses_in(answer_to("one.test", {address_record("other.test", "192.0.2.9")})), Texts{});
    DnsMessage additional = header(0x1234, 0x8180, 1, 0, 0, 1);
    put_bytes(additional, question("one.test", type_a));
    put_bytes(additional, address_record("one.test", "192.0.2.9"));
    EXPECT_EQ(addresses_in(additional), Texts{});
}

TEST(DnsAnswer, ACircleOfAliasesEnds) {
    EXPECT_EQ(addresses_in(answer_to(
                  "one.test", {alias_record("one.test", "two.test"), alias_record("two.test", "one.test")})),
              Texts{});
}

TEST(DnsAnswer, AnAddressOfTheWrongSizeIsNone) {
    const DnsMessage five(5);
    EXPECT_EQ(addresses_in(answer_to("one.test", {record("one.test", type_a, 60, five)})), Texts{});
}

TEST(DnsAnswer, AddressesAreBounded) {
    std::vector<DnsMessage> records(DnsAnswer::most_addresses + 10, address_record("one.test", "192.0.2.1"));
    EXPECT_EQ(addresses_in(answer_to("one.test", records)).size(), DnsAnswer::most_addresses);
}

TEST(DnsAnswer, AnotherQuestionsAnswerIsNone) {
    const auto message = answer_to("one.test", {});
    EXPECT_TRUE(parse_answer(message, 0x1234, question("one.test", type_a)));
    EXPECT_FALSE(parse_answer(message, 0x1235, question("one.test", type_a)));
    EXPECT_FALSE(parse_answer(message, 0x1234, question("one.test", type_aaaa)));
    EXPECT_FALSE(parse_answer(message, 0x1234, question("two.test", type_a)));
    EXPECT_FALSE(
        parse_answer(answer_to("one.test", {}, 0x1234, 0x0100), 0x1234, question("one.test", type_a)))
        << "a query";
    EXPECT_FALSE(parse_answer(header(0x1234, 0x8180, 0), 0x1234, question("one.test", type_a)));
}

TEST(DnsAnswer, AnErrorNeedNotRepeatTheQuestion) {
    const auto answer = parse_answer(header(0x1234, 0x8181, 0), 0x1234, question("one.test", type_a));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->rcode, DnsRcode::format_error);
}

TEST(DnsAnswer, OneCutInARecordCountsOnlyWithTheTruncatedBit) {
    DnsMessage message = answer_to("one.test", {address_record("one.test", "192.0.2.1")});
    message.pop_back();
    EXPECT_EQ(addresses_in(message), Texts{"nothing"});
    message[2] |= std::byte{0x02};
    const auto answer = parse_answer(message, 0x1234, question("one.test", type_a));
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->truncated);
    EXPECT_TRUE(answer->addresses.empty());
}

TEST(DnsAnswer, EveryPrefixAndEveryFlippedByteIsSurvived) {
    DnsMessage whole = answer_to(
        "one.test", {alias_record("one.test", "two.test"), address_record("two.test", "192.0.2.1")});
    whole[7] = std::byte{3};
    DnsMessage pointing = record("", type_a, 60, DnsMessage(4));
    pointing.erase(pointing.begin());
    put_word(whole, 0xc00c);
    put_bytes(whole, pointing);
    ASSERT_EQ(addresses_in(whole).size(), 2U) << "the third record's name is a pointer to the question's";
    const DnsMessage asked = question("one.test", type_a);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(parse_answer(DnsBytes{whole}.first(size), 0x1234, asked)) << size;
        (void)parse_query(DnsBytes{whole}.first(size));
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (const unsigned value : {0x00U, 0x3fU, 0x40U, 0xc0U, 0xffU}) {
            DnsMessage flipped = whole;
            flipped[at] = static_cast<std::byte>(value);
            (void)parse_answer(flipped, 0x1234, asked);
            flipped[2] = std::byte{1};
            (void)parse_query(flipped);
        }
    }
}

TEST(DnsAnswer, AShortOneIsPassedOnAsItIs) {
    const auto query = parse_query(query_for("one.test", type_a, 0x0102));
    DnsMessage answer = answer_to("one.test", {address_record("one.test", "192.0.2.1")});
    const DnsMessage passed = make_passed_on(*query, answer, 512);
    EXPECT_EQ(id_of(passed), 0x0102U);
    EXPECT_TRUE(std::equal(passed.begin() + 2, passed.end(), answer.begin() + 2, answer.end()));
}

TEST(DnsAnswer, ALongOneIsCutToQuestionAndOpt) {
    const auto query = parse_query(query_for("one.test", type_a, 0x0102, 600));
    const std::vector<DnsMessage> records(40, address_record("one.test", "192.0.2.1"));
    const DnsMessage passed = make_passed_on(*query, answer_to("one.test", records), 600);
    EXPECT_LE(passed.size(), 600U);
    EXPECT_TRUE(is_truncated(passed));
    EXPECT_EQ(answers_in(passed), 0U);
    EXPECT_EQ(additional_in(passed), 1U);
    const auto reread = parse_answer(passed, 0x0102, question("one.test", type_a));
    ASSERT_TRUE(reread);
    EXPECT_TRUE(reread->truncated);
}

TEST(DnsAnswer, AnErrorWithoutQuestionGetsItBack) {
    const auto query = parse_query(query_for("one.test", type_a, 0x0102));
    const DnsMessage passed = make_passed_on(*query, header(0x1234, 0x8181, 0), 512);
    EXPECT_EQ(rcode_of(passed), 1U);
    EXPECT_FALSE(is_truncated(passed));
    EXPECT_TRUE(parse_answer(passed, 0x0102, question("one.test", type_a)));
}

} // namespace

} // namespace sandbox::net
