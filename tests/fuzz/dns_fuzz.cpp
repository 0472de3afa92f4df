// SPDX-License-Identifier: Apache-2.0
// DNS from both sides: a client's question, and what a server answers to it.
#include <algorithm>
#include <cstring>

#include "base/network_rules.hpp"
#include "net/dns_message.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sandbox;
using namespace sandbox::net;
using fuzz::require;

namespace {

constexpr std::uint16_t own_id = 0x1234;

void check_query(const DnsQuery& query) {
    require(query.name.empty() || canonical_name(query.name) == query.name, "a name is canonical");
    require(printable(query.text) == query.text, "a question's text is printable");
    require(query.datagram_limit() >= least_dns_datagram, "every client takes the least");
    require(query.verdict != DnsRcode::no_error || !query.question.empty(),
            "what is passed on has a question");
}

/// Our own answers, of which every one must find its way back.
void check_replies(const DnsQuery& query) {
    for (const DnsRcode rcode :
         {DnsRcode::no_error, DnsRcode::server_failure, DnsRcode::refused, DnsRcode::bad_version}) {
        const DnsMessage reply = make_reply(query, rcode, "the allow-list does not have it");
        require(reply.size() <= least_dns_datagram, "an answer of our own fits every client");
        require(!parse_query(reply), "an answer is no question");
        if (!query.question.empty()) {
            const auto answer = parse_answer(reply, query.id, query.question);
            require(answer && answer->addresses.empty(), "our own answer reads as one");
        }
    }
}

void check_passed_on(const DnsQuery& query, std::span<const std::byte> server_says) {
    const DnsMessage asked = make_query(query, own_id, 1232);
    const auto again = parse_query(asked);
    require(again && again->verdict == DnsRcode::no_error, "what is passed on is a question");
    require(again->id == own_id && again->question == query.question && again->name == query.name,
            "and the same one");
    require(again->edns.has_value() == query.edns.has_value(), "with EDNS where the client has it");
    const auto answer = parse_answer(server_says, own_id, query.question);
    if (!answer) {
        return;
    }
    require(answer->addresses.size() <= DnsAnswer::most_addresses, "addresses are bounded");
    for (const DnsAnswer::Address& address : answer->addresses) {
        require(address.lifetime.count() >= 0 && address.lifetime.count() <= INT32_MAX, "a TTL is one");
    }
    for (const std::size_t limit : {least_dns_datagram, query.datagram_limit(), std::size_t{65535}}) {
        const DnsMessage passed = make_passed_on(query, server_says, limit);
        require(passed.size() <= std::max(limit, least_dns_datagram), "an answer fits its client");
        require(passed.size() >= 2 && passed[0] == std::byte{static_cast<unsigned char>(query.id >> 8)} &&
                    passed[1] == std::byte{static_cast<unsigned char>(query.id & 0xff)},
                "an answer has the client's id");
    }
}

} // namespace

/// The query's length in two bytes, the query, and the server's answer, whose id is put right: else hardly
/// any would get further.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const DnsBytes input = std::as_bytes(std::span{data, size}).subspan(2);
    const std::size_t length = std::min<std::size_t>(std::size_t{data[0]} << 8 | data[1], input.size());
    const auto query = parse_query(input.first(length));
    if (!query) {
        return 0;
    }
    check_query(*query);
    check_replies(*query);
    if (query->verdict == DnsRcode::no_error) {
        std::vector<std::byte> answer{input.begin() + static_cast<std::ptrdiff_t>(length), input.end()};
        if (answer.size() >= 2) {
            answer[0] = std::byte{own_id >> 8};
            answer[1] = std::byte{own_id & 0xff};
        }
        check_passed_on(*query, answer);
    }
    return 0;
}
