// SPDX-License-Identifier: Apache-2.0
// A printer of JSON (RFC 8259).
#include "base/json.hpp"

#include <algorithm>

namespace sandbox {

namespace {

/// The length of the UTF-8 sequence at the beginning of `text`, or 0 where there is none. RFC 3629, 4.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) {
            return 0;
        }
    }
    // Longer than needed, a surrogate, or beyond U+10FFFF.
    const unsigned char second = byte(1);
    const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
                       (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
    return wrong ? 0 : length;
}

} // namespace

void JsonWriter::separate() {
    if (after_key_) {
        after_key_ = false;
        return;
    }
    if (!has_items_.empty()) {
        if (has_items_.back()) {
            text_ += ',';
        }
        has_items_.back() = true;
    }
}

void JsonWriter::quote(std::string_view text) {
    const char* const digits = "0123456789abcdef";
    text_ += '"';
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length != 1) {
            // File names are any bytes; JSON is not.
            text_ += length == 0 ? std::string_view{"\\ufffd"} : text.substr(0, length);
            text.remove_prefix(length == 0 ? 1 : length);
            continue;
        }
        const char c = text.front();
        text.remove_prefix(1);
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            text_ += '\\';
            text_ += c;
        } else if (byte < 0x20) {
            text_ += "\\u00";
            text_ += digits[byte >> 4];
            text_ += digits[byte & 15];
        } else {
            text_ += c;
        }
    }
    text_ += '"';
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    text_ += bracket;
    has_items_.push_back(false);
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    has_items_.pop_back();
    text_ += bracket;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    quote(name);
    text_ += ':';
    after_key_ = true;
    return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
    separate();
    quote(text);
    return *this;
}

JsonWriter& JsonWriter::value(std::int64_t number) {
    separate();
    text_ += std::to_string(number);
    return *this;
}

JsonWriter& JsonWriter::value(std::uint64_t number) {
    separate();
    text_ += std::to_string(number);
    return *this;
}

JsonWriter& JsonWriter::value(bool truth) {
    separate();
    text_ += truth ? "true" : "false";
    return *this;
}

JsonWriter& JsonWriter::value(std::chrono::microseconds duration) {
    constexpr std::int64_t second = 1'000'000;
    const std::int64_t count = std::max<std::int64_t>(duration.count(), 0);
    const std::string fraction = std::to_string(count % second);
    separate();
    text_ += std::to_string(count / second) + "." + std::string(6 - fraction.size(), '0') + fraction;
    return *this;
}

} // namespace sandbox
