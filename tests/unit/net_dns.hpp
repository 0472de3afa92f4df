// SPDX-License-Identifier: Apache-2.0
// DNS messages for the tests, built field by field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "net/dns_message.hpp"

namespace sandbox::net {

constexpr unsigned type_a = 1, type_cname = 5, type_txt = 16, type_aaaa = 28;

inline void put_word(DnsMessage& message, unsigned value) {
    message.push_back(static_cast<std::byte>(value >> 8 & 0xff));
    message.push_back(static_cast<std::byte>(value & 0xff));
}

inline void put_bytes(DnsMessage& message, DnsBytes bytes) {
    message.insert(message.end(), bytes.begin(), bytes.end());
}

inline DnsMessage encoded_name(std::string_view name) {
    DnsMessage bytes;
    for (const std::string_view label : split(name, '.')) {
        if (!label.empty()) {
            bytes.push_back(static_cast<std::byte>(label.size()));
            put_bytes(bytes, std::as_bytes(std::span{label}));
        }
    }
    bytes.push_back(std::byte{0});
    return bytes;
}

inline DnsMessage header(unsigned id, unsigned flags, unsigned questions, unsigned answers = 0,
                         unsigned authorities = 0, unsigned additional = 0) {
    DnsMessage message;
    for (const unsigned word : {id, flags, questions, answers, authorities, additional}) {
        put_word(message, word);
    }
    return message;
}

inline DnsMessage question(std::string_view name, unsigned type, unsigned record_class = 1) {
    DnsMessage bytes = encoded_name(name);
    put_word(bytes, type);
    put_word(bytes, record_class);
    return bytes;
}

inline DnsMessage record(std::string_view name, unsigned type, unsigned ttl, DnsBytes data,
                         unsigned record_class = 1) {
    DnsMessage bytes = question(name, type, record_class);
    put_word(bytes, ttl >> 16);
    put_word(bytes, ttl & 0xffff);
    put_word(bytes, static_cast<unsigned>(data.size()));
    put_bytes(bytes, data);
    return bytes;
}

inline DnsMessage address_record(std::string_view name, const std::string& text, unsigned ttl = 300) {
    const IpAddress address = parse_ip_address(text).value();
    return record(name, address.is_ipv6() ? type_aaaa : type_a, ttl, std::as_bytes(address.bytes()));
}

inline DnsMessage alias_record(std::string_view name, std::string_view target, unsigned ttl = 300) {
    return record(name, type_cname, ttl, encoded_name(target));
}

/// @param payload_size of EDNS; 0 for none
inline DnsMessage query_for(std::string_view name, unsigned type = type_a, unsigned id = 0x1234,
                            unsigned payload_size = 0) {
    DnsMessage message = header(id, 0x0100, 1, 0, 0, payload_size > 0 ? 1 : 0);
    put_bytes(message, question(name, type));
    if (payload_size > 0) {
        put_bytes(message, record("", 41, 0x8000, {}, payload_size)); // DO=1
    }
    return message;
}

inline DnsMessage answer_to(std::string_view name, const std::vector<DnsMessage>& records,
                            unsigned id = 0x1234, unsigned flags = 0x8180, unsigned type = type_a) {
    DnsMessage message = header(id, flags, 1, static_cast<unsigned>(records.size()));
    put_bytes(message, question(name, type));
    for (const DnsMessage& bytes : records) {
        put_bytes(message, bytes);
    }
    return message;
}

inline unsigned word_of(DnsBytes message, std::size_t at) {
    return std::to_integer<unsigned>(message[at]) << 8 | std::to_integer<unsigned>(message[at + 1]);
}
inline unsigned id_of(DnsBytes message) {
    return word_of(message, 0);
}
inline unsigned rcode_of(DnsBytes message) {
    return word_of(message, 2) & 0xf;
}
inline bool is_truncated(DnsBytes message) {
    return (word_of(message, 2) & 0x0200) != 0;
}
inline unsigned answers_in(DnsBytes message) {
    return word_of(message, 6);
}
inline unsigned additional_in(DnsBytes message) {
    return word_of(message, 10);
}

} // namespace sandbox::net
