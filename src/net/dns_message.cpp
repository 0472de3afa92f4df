// SPDX-License-Identifier: Apache-2.0
// Read with libresolv's ns_initparse() and ns_parserr(), which check every count, length and pointer against
// the message's end.
#include "net/dns_message.hpp"

#include <arpa/nameser.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/network_rules.hpp"

namespace sandbox::net {

namespace {

constexpr std::size_t header_size = 12;
constexpr std::uint16_t flag_response = 0x8000;
constexpr std::uint16_t mask_opcode = 0x7800;
constexpr std::uint16_t flag_truncated = 0x0200;
constexpr std::uint16_t flag_recursion_desired = 0x0100;
constexpr std::uint16_t flag_recursion_available = 0x0080;
constexpr std::uint16_t flag_authentic_data = 0x0020;
constexpr std::uint16_t flag_checking_disabled = 0x0010;
constexpr std::uint16_t mask_rcode = 0x000f;
constexpr std::uint16_t edns_dnssec_ok = 0x8000;

/// No client has a reason to send more records than OPT, TSIG or SIG(0), and cookies' like.
constexpr unsigned most_extra_records = 8;
/// Beyond that a longer answer is passed on, but nothing more is learned from it: the walk stays short.
constexpr unsigned most_answer_records = 1024;
constexpr int longest_chain = 16;
/// What we say that we take in a datagram: https://www.dnsflagday.net/2020/
constexpr std::size_t own_payload_size = 1232;

// ---- bytes -----------------------------------------------------------------------------------------------

const unsigned char* bytes_of(DnsBytes message) noexcept {
    return reinterpret_cast<const unsigned char*>(message.data());
}

std::uint16_t word_at(DnsBytes bytes, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                      std::to_integer<unsigned>(bytes[at + 1]));
}

void append_word(DnsMessage& message, std::size_t value) {
    message.push_back(static_cast<std::byte>(value >> 8 & 0xff));
    message.push_back(static_cast<std::byte>(value & 0xff));
}

void append_header(DnsMessage& message, std::uint16_t id, std::size_t flags, bool has_question,
                   bool has_edns) {
    for (const std::size_t word : {std::size_t{id}, flags, std::size_t{has_question}, std::size_t{0},
                                   std::size_t{0}, std::size_t{has_edns}}) {
        append_word(message, word);
    }
}

/// @param rcode the upper eight bits of it stand here
/// @param options already encoded
void append_edns(DnsMessage& message, std::size_t payload_size, std::size_t rcode, bool dnssec_ok,
                 DnsBytes options = {}) {
    message.push_back(std::byte{0}); // the root's name
    append_word(message, ns_t_opt);
    append_word(message, std::min<std::size_t>(payload_size, UINT16_MAX));
    append_word(message, rcode >> 4 << 8); // version 0
    append_word(message, dnssec_ok ? edns_dnssec_ok : 0);
    append_word(message, options.size());
    message.insert(message.end(), options.begin(), options.end());
}

// ---- libresolv -------------------------------------------------------------------------------------------

struct Question {
    DnsBytes bytes; ///< name, type and class
    std::string name;
    std::uint16_t type = 0;
    std::uint16_t record_class = 0;
};

/// Whether a name that ns_name_skip() took for one is labels to its end: no pointer.
bool is_plain_name(const unsigned char* at, const unsigned char* end) noexcept {
    while (at < end && *at != 0) {
        if ((*at & NS_CMPRSFLGS) != 0) {
            return false;
        }
        at += 1 + *at;
    }
    return at + 1 == end;
}

/// The only or first question. A pointer in its name could only lead into the header, and so to another name
/// once the header is another one.
std::optional<Question> read_question(DnsBytes message) {
    const unsigned char* const begin = bytes_of(message) + header_size;
    const unsigned char* const end = bytes_of(message) + message.size();
    const unsigned char* at = begin;
    std::array<char, NS_MAXDNAME> text{};
    if (::ns_name_skip(&at, end) != 0 || end - at < NS_QFIXEDSZ || !is_plain_name(begin, at) ||
        ::ns_name_uncompress(bytes_of(message), end, begin, text.data(), text.size()) < 0) {
        return std::nullopt;
    }
    Question question;
    const auto name_size = static_cast<std::size_t>(at - begin);
    question.bytes = message.subspan(header_size, name_size + NS_QFIXEDSZ);
    question.name = text.data();
    question.type = word_at(question.bytes, name_size);
    question.record_class = word_at(question.bytes, name_size + 2);
    return question;
}

/// Calls `visit` with each record of a section, at most `most`. @return false where one cannot be read
template <typename Visit>
bool for_each_record(ns_msg& handle, ns_sect section, unsigned most, Visit visit) {
    const unsigned count = std::min<unsigned>(ns_msg_count(handle, section), most);
    ns_rr record{};
    for (unsigned i = 0; i < count; ++i) {
        if (::ns_parserr(&handle, section, static_cast<int>(i), &record) < 0) {
            return false;
        }
        visit(record);
    }
    return true;
}

bool open_message(DnsBytes message, ns_msg& handle) noexcept {
    return message.size() >= header_size && message.size() <= NS_MAXMSG &&
           ::ns_initparse(bytes_of(message), static_cast<int>(message.size()), &handle) == 0;
}

bool is_same_byte(std::byte a, std::byte b) noexcept {
    const auto lower = [](std::byte byte) {
        const auto value = std::to_integer<unsigned>(byte);
        return value >= 'A' && value <= 'Z' ? value + ('a' - 'A') : value;
    };
    return lower(a) == lower(b);
}

/// Names without regard to case (RFC 4343); a label's length is below 64 and so no letter.
bool is_same_question(DnsBytes a, DnsBytes b) noexcept {
    constexpr std::size_t fixed = NS_QFIXEDSZ;
    return a.size() == b.size() && a.size() > fixed &&
           std::equal(a.begin(), a.end() - fixed, b.begin(), is_same_byte) &&
           std::equal(a.end() - fixed, a.end(), b.end() - fixed);
}

/// Whether a question of that type goes to a server: not what changes something, moves whole zones, or
/// only means something between two neighbours. RFC 6895, 3.1.
bool is_forwarded(std::uint16_t type) noexcept {
    constexpr std::uint16_t first_meta = 128;
    constexpr std::uint16_t last_meta = 255;
    return type != 0 && type != ns_t_opt && (type < first_meta || type > last_meta || type == ns_t_any);
}

// ---- answers ---------------------------------------------------------------------------------------------

/// An A, AAAA or CNAME record.
struct Record {
    std::string owner;
    std::chrono::seconds lifetime{};
    std::optional<IpAddress> address;
    std::string alias_of;
};

/// RFC 2181, 8: a TTL with its highest bit set is 0.
std::chrono::seconds lifetime_of(std::uint32_t ttl) noexcept {
    return std::chrono::seconds{ttl > INT32_MAX ? 0 : ttl};
}

template <std::size_t Size>
std::optional<IpAddress> address_of(const ns_rr& record) noexcept {
    std::array<std::uint8_t, Size> bytes{};
    if (ns_rr_rdlen(record) != Size) {
        return std::nullopt;
    }
    std::memcpy(bytes.data(), ns_rr_rdata(record), Size);
    return IpAddress{bytes};
}

std::optional<Record> read_record(const ns_msg& handle, const ns_rr& raw) {
    Record record{ns_rr_name(raw), lifetime_of(ns_rr_ttl(raw)), std::nullopt, {}};
    if (ns_rr_class(raw) != ns_c_in) {
        return std::nullopt;
    }
    switch (ns_rr_type(raw)) {
        case ns_t_a:
            record.address = address_of<4>(raw);
            return record.address ? std::optional{record} : std::nullopt;
        case ns_t_aaaa:
            record.address = address_of<16>(raw);
            return record.address ? std::optional{record} : std::nullopt;
        case ns_t_cname: {
            std::array<char, NS_MAXDNAME> target{};
            if (::ns_name_uncompress(ns_msg_base(handle), ns_msg_end(handle), ns_rr_rdata(raw), target.data(),
                                     target.size()) < 0) {
                return std::nullopt;
            }
            record.alias_of = target.data();
            return record;
        }
        default:
            return std::nullopt;
    }
}

/// ns_parserr() writes the root as "", ns_name_uncompress() as ".": the root has no address worth learning.
bool is_same_name(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(std::as_bytes(std::span{a}), std::as_bytes(std::span{b}), is_same_byte);
}

/// From the question's name along its CNAMEs.
std::vector<DnsAnswer::Address> addresses_for(std::string name, const std::vector<Record>& records) {
    std::vector<DnsAnswer::Address> addresses;
    auto least = std::chrono::seconds::max();
    for (int step = 0; step < longest_chain; ++step) {
        const Record* alias = nullptr;
        for (const Record& record : records) {
            if (!is_same_name(record.owner, name)) {
                continue;
            }
            if (!record.address) {
                alias = &record;
            } else if (addresses.size() < DnsAnswer::most_addresses) {
                addresses.push_back({*record.address, std::min(least, record.lifetime)});
            }
        }
        if (alias == nullptr) {
            break;
        }
        least = std::min(least, alias->lifetime);
        name = alias->alias_of;
    }
    return addresses;
}

} // namespace

// ---- queries ---------------------------------------------------------------------------------------------

std::size_t DnsQuery::datagram_limit() const noexcept {
    // Values below 512 mean 512: RFC 6891, 6.2.3.
    return edns ? std::max<std::size_t>(edns->payload_size, least_dns_datagram) : least_dns_datagram;
}

std::optional<DnsQuery> parse_query(DnsBytes message) {
    if (message.size() < header_size) {
        return std::nullopt;
    }
    DnsQuery query;
    query.id = word_at(message, 0);
    query.flags = word_at(message, 2);
    if ((query.flags & flag_response) != 0) {
        return std::nullopt; // two forwarders could answer each other's answers for ever
    }
    if ((query.flags & mask_opcode) != 0) {
        query.verdict = DnsRcode::not_implemented;
        return query;
    }
    query.verdict = DnsRcode::format_error;
    ns_msg handle{};
    if (!open_message(message, handle) || ns_msg_count(handle, ns_s_qd) != 1 ||
        ns_msg_count(handle, ns_s_an) != 0 || ns_msg_count(handle, ns_s_ns) != 0 ||
        ns_msg_count(handle, ns_s_ar) > most_extra_records) {
        return query;
    }
    const auto question = read_question(message);
    if (!question) {
        return query;
    }
    unsigned versions = 0;
    unsigned opts = 0;
    const bool is_whole = for_each_record(handle, ns_s_ar, most_extra_records, [&](const ns_rr& record) {
        if (ns_rr_type(record) == ns_t_opt) {
            ++opts;
            versions |= ns_rr_ttl(record) >> 16 & 0xff;
            query.edns = DnsEdns{static_cast<std::uint16_t>(ns_rr_class(record)),
                                 (ns_rr_ttl(record) & edns_dnssec_ok) != 0};
        }
    });
    if (!is_whole || opts > 1) {
        query.edns.reset();
        return query;
    }
    query.question.assign(question->bytes.begin(), question->bytes.end());
    query.text = question->name;
    query.name = canonical_name(question->name).value_or("");
    query.type = question->type;
    if (versions != 0) {
        query.verdict = DnsRcode::bad_version;
    } else if (question->record_class != ns_c_in || !is_forwarded(question->type)) {
        query.verdict = DnsRcode::refused;
    } else {
        query.verdict = DnsRcode::no_error;
    }
    return query;
}

DnsMessage make_query(const DnsQuery& query, std::uint16_t id, std::size_t payload_size) {
    constexpr std::uint16_t passed_on = flag_recursion_desired | flag_authentic_data | flag_checking_disabled;
    DnsMessage message;
    append_header(message, id, query.flags & passed_on, true, query.edns.has_value());
    message.insert(message.end(), query.question.begin(), query.question.end());
    if (query.edns) {
        append_edns(message, payload_size, 0, query.edns->dnssec_ok);
    }
    return message;
}

// ---- answers ---------------------------------------------------------------------------------------------

std::optional<DnsAnswer> parse_answer(DnsBytes message, std::uint16_t id, DnsBytes question) {
    if (message.size() < header_size || word_at(message, 0) != id) {
        return std::nullopt;
    }
    const std::uint16_t flags = word_at(message, 2);
    if ((flags & flag_response) == 0 || (flags & mask_opcode) != 0) {
        return std::nullopt;
    }
    DnsAnswer answer;
    answer.rcode = DnsRcode{static_cast<std::uint8_t>(flags & mask_rcode)};
    answer.truncated = (flags & flag_truncated) != 0;
    if (word_at(message, 4) == 0 && message.size() == header_size && answer.rcode != DnsRcode::no_error) {
        return answer;
    }
    const auto echoed = read_question(message);
    if (word_at(message, 4) != 1 || !echoed || !is_same_question(echoed->bytes, question)) {
        return std::nullopt;
    }
    ns_msg handle{};
    if (!open_message(message, handle)) {
        // Some servers cut a record in two where they set TC. The client asks again over TCP.
        return answer.truncated ? std::optional{answer} : std::nullopt;
    }
    std::vector<Record> records;
    const bool is_whole = for_each_record(handle, ns_s_an, most_answer_records, [&](const ns_rr& raw) {
        if (auto record = read_record(handle, raw)) {
            records.push_back(std::move(*record));
        }
    });
    if (!is_whole) {
        return std::nullopt;
    }
    answer.addresses = addresses_for(echoed->name, records);
    return answer;
}

DnsMessage make_reply(const DnsQuery& query, DnsRcode rcode, std::string_view explanation) {
    constexpr std::uint16_t kept = mask_opcode | flag_recursion_desired | flag_checking_disabled;
    constexpr std::size_t option_error = 15;
    constexpr std::size_t error_blocked = 15;
    const auto code = static_cast<std::size_t>(rcode);
    DnsMessage message;
    append_header(message, query.id,
                  flag_response | (query.flags & kept) | flag_recursion_available | (code & mask_rcode),
                  !query.question.empty(), query.edns.has_value());
    message.insert(message.end(), query.question.begin(), query.question.end());
    if (query.edns) {
        DnsMessage options;
        if (!explanation.empty()) {
            append_word(options, option_error);
            append_word(options, 2 + explanation.size());
            append_word(options, error_blocked);
            const auto text = std::as_bytes(std::span{explanation});
            options.insert(options.end(), text.begin(), text.end());
        }
        append_edns(message, own_payload_size, code, query.edns->dnssec_ok, options);
    }
    return message;
}

DnsMessage make_passed_on(const DnsQuery& query, DnsBytes answer, std::size_t limit) {
    const std::uint16_t flags = word_at(answer, 2);
    DnsMessage message;
    if (answer.size() <= limit && answer.size() > header_size) {
        message.assign(answer.begin(), answer.end());
        message[0] = static_cast<std::byte>(query.id >> 8);
        message[1] = static_cast<std::byte>(query.id & 0xff);
        return message;
    }
    const bool is_cut = answer.size() > limit;
    append_header(message, query.id, is_cut ? flags | flag_truncated : flags, true, query.edns.has_value());
    message.insert(message.end(), query.question.begin(), query.question.end());
    if (query.edns) {
        append_edns(message, own_payload_size, 0, query.edns->dnssec_ok);
    }
    return message;
}

} // namespace sandbox::net
