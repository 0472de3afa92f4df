// SPDX-License-Identifier: Apache-2.0
// Small pure functions on text.
#include "base/text.hpp"

#include <algorithm>
#include <charconv>

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
    constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;
    // About a century: beyond it a timer's own range would decide.
    constexpr std::uint64_t max_seconds = 3'200'000'000;
    std::uint64_t unit = 1;
    const std::string_view units = "smhd";
    constexpr std::uint64_t unit_seconds[] = {1, 60, 3600, 86400};
    if (const auto found = text.empty() ? units.npos : units.find(text.back()); found != units.npos) {
        unit = unit_seconds[found];
        text.remove_suffix(1);
    }
    const auto point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction = point == text.npos ? "" : text.substr(point + 1);
    if (whole.empty() && fraction.empty()) {
        return std::nullopt;
    }
    // Nine digits are a billionth; more would not be seen.
    const std::string digits =
        std::string{fraction.substr(0, 9)} + std::string(9 - std::min<std::size_t>(9, fraction.size()), '0');
    const auto seconds = whole.empty() ? std::optional<std::uint64_t>{0} : parse_number(whole, max_seconds);
    auto billionths = parse_number(digits);
    if (!seconds || !billionths || fraction.find_first_not_of("0123456789") != fraction.npos ||
        *seconds * unit > max_seconds) {
        return std::nullopt;
    }
    if (fraction.size() > 9 && fraction.find_first_not_of('0', 9) != fraction.npos) {
        ++*billionths; // up: what is not zero must not become "no limit"
    }
    return std::chrono::nanoseconds{*seconds * unit * nanoseconds_per_second + *billionths * unit};
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
    unsigned char previous = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        // U+0080 to U+009F are controls too (ECMA-48's C1), "\xc2\x9b" is "ESC [" to many terminals.
        const bool is_c1 = previous == 0xc2 && byte >= 0x80 && byte < 0xa0;
        previous = byte;
        if (byte < 0x20 || byte == 0x7f || is_c1) {
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
