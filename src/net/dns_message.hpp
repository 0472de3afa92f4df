// SPDX-License-Identifier: Apache-2.0
// DNS messages (RFC 1035, 4) as far as a forwarder looks into them: the question, EDNS (RFC 6891), and the
// addresses in an answer. All functions are pure, and take any bytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.hpp"

namespace sandbox::net {

using DnsBytes = std::span<const std::byte>;
using DnsMessage = std::vector<std::byte>;

/// The least that any UDP client takes, and so any server and forwarder. RFC 1035, 4.2.1.
inline constexpr std::size_t least_dns_datagram = 512;

/// RFC 1035, 4.1.1; bad_version is RFC 6891, 6.1.3.
enum class DnsRcode : std::uint8_t {
    no_error = 0,
    format_error = 1,
    server_failure = 2,
    no_such_name = 3,
    not_implemented = 4,
    refused = 5,
    bad_version = 16,
};

/// The OPT record. RFC 6891, 6.1.2.
struct DnsEdns {
    std::uint16_t payload_size = 0; ///< what its sender takes in a datagram
    bool dnssec_ok = false;         ///< RFC 3225
};

/// What a client asks.
struct DnsQuery {
    std::uint16_t id = 0;
    std::uint16_t flags = 0;         ///< the header's second word
    std::vector<std::byte> question; ///< name, type and class as they came; empty where none could be read
    std::string text;                ///< the question's name as libresolv writes it, odd bytes as \DDD
    std::string name;                ///< as canonical_name() has it; empty where it has no such form
    std::uint16_t type = 0;
    std::optional<DnsEdns> edns;
    DnsRcode verdict = DnsRcode::no_error; ///< anything else: to be answered so, and not forwarded

    /// What the client takes in a datagram.
    [[nodiscard]] std::size_t datagram_limit() const noexcept;
};

/// @return nothing for what deserves no answer: too short for a header, or an answer itself
std::optional<DnsQuery> parse_query(DnsBytes message);

/// A server's answer, checked against what it was asked.
struct DnsAnswer {
    struct Address {
        IpAddress address;
        std::chrono::seconds lifetime{};
    };
    DnsRcode rcode = DnsRcode::no_error; ///< without EDNS's extension
    bool truncated = false;
    /// Of A and AAAA records of the question's name, and of names that its CNAMEs lead to; at most
    /// most_addresses. A chain's least TTL counts.
    std::vector<Address> addresses;

    static constexpr std::size_t most_addresses = 256;
};

/// @param id and `question` of what was sent (make_query())
/// @return nothing where it answers another question, is no answer at all, or contradicts itself. A server
///         that does not understand a question need not repeat it.
std::optional<DnsAnswer> parse_answer(DnsBytes message, std::uint16_t id, DnsBytes question);

/// The query as it goes to a server: the header's RD, AD and CD bits, the question, and an OPT record without
/// options where the client sent one. Options concern two neighbours only (RFC 6891, 6.1.1), and whatever
/// else a client could put into a message has no way out here.
/// @param payload_size what we take in a datagram
DnsMessage make_query(const DnsQuery& query, std::uint16_t id, std::size_t payload_size);

/// An answer of our own, without records.
/// @param explanation for the Extended DNS Error "Blocked" (RFC 8914, 4.16), where the client speaks EDNS;
/// may
///        be empty, which leaves it out
DnsMessage make_reply(const DnsQuery& query, DnsRcode rcode, std::string_view explanation = {});

/// A server's answer as the client gets it: with the client's id, and where it is longer than `limit` only
/// header, question and OPT, with TC=1 so that the client asks again over TCP. RFC 2181, 9.
DnsMessage make_passed_on(const DnsQuery& query, DnsBytes answer, std::size_t limit);

} // namespace sandbox::net
