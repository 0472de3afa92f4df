// SPDX-License-Identifier: Apache-2.0
// Small pure functions on text.
#include "base/text.hpp"

#include <charconv>
#include <cmath>

namespace sandbox {

namespace {

template <typename Number>
std::optional<Number> parse_whole(std::string_view text, int base) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) {
        return std::nullopt;
    }
    return value;
}

} // namespace

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max) {
    const auto value = parse_whole<std::uint64_t>(text, 10);
    return value && *value <= max ? value : std::nullopt;
}

std::optional<std::int64_t> parse_signed(std::string_view text) {
    return parse_whole<std::int64_t>(text, 10);
}

std::optional<unsigned> parse_mode(std::string_view text) {
    const auto value = parse_whole<unsigned>(text, 8);
    return value && *value <= 07777 ? value : std::nullopt;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    if (text.empty()) {
        return std::nullopt;
    }
    unsigned shift = 0;
    switch (text.back()) {
        case 'b':
        case 'B':
            break;
        case 'k':
        case 'K':
            shift = 10;
            break;
        case 'm':
        case 'M':
            shift = 20;
            break;
        case 'g':
        case 'G':
            shift = 30;
            break;
        case 't':
        case 'T':
            shift = 40;
            break;
        default:
            return parse_number(text);
    }
    const auto value = parse_number(text.substr(0, text.size() - 1), UINT64_MAX >> shift);
    return value ? std::optional{*value << shift} : std::nullopt;
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    double unit = 1;
    if (!text.empty()) {
        const std::string_view units = "smhd";
        const double seconds[] = {1, 60, 3600, 86400};
        if (const auto found = units.find(text.back()); found != std::string_view::npos) {
            unit = seconds[found];
            text.remove_suffix(1);
        }
    }
    double value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty() || !std::isfinite(value) ||
        std::signbit(value)) {
        return std::nullopt;
    }
    // About a century: beyond it a timer's own range would decide.
    const double nanoseconds = value * unit * 1e9;
    if (nanoseconds > 3.2e18) {
        return std::nullopt;
    }
    return std::chrono::nanoseconds{std::llround(nanoseconds)};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> fields;
    while (true) {
        const auto at = text.find(separator);
        fields.push_back(text.substr(0, at));
        if (at == std::string_view::npos) {
            return fields;
        }
        text.remove_prefix(at + 1);
    }
}

std::string_view trim(std::string_view text) {
    const std::string_view blanks = " \t\r\n";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string printable(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            const char* const digits = "0123456789abcdef";
            result += "\\x";
            result += digits[byte >> 4];
            result += digits[byte & 15];
        } else {
            result += c;
        }
    }
    return result;
}

} // namespace sandbox
