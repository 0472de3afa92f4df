// SPDX-License-Identifier: Apache-2.0
// Signs of a world, looked for where two files begin to differ.
#include "build/betrayal.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/text.hpp"

namespace sandbox {

namespace {

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
}

/// Whether `text` stands in `bytes` so that it reaches over `at`, or begins there. A number counts as a word
/// of its own only.
bool stands_at(const std::string& bytes, std::size_t at, const std::string& text) {
    const bool number = std::all_of(text.begin(), text.end(),
                                    [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
    const std::size_t from = at - std::min(at, text.size());
    for (std::size_t found = bytes.find(text, from); found != std::string::npos && found <= at;
         found = bytes.find(text, found + 1)) {
        const std::size_t end = found + text.size();
        const bool whole =
            (found == 0 || !is_word(bytes[found - 1])) && (end >= bytes.size() || !is_word(bytes[end]));
        if (!number || whole) {
            return true;
        }
    }
    return false;
}

/// The run of digits, of one base or another, that a byte lies among.
std::string digits_around(const std::string& bytes, std::size_t at, int (*is_digit)(int)) {
    const auto counts = [&](std::size_t i) {
        return i < bytes.size() && is_digit(static_cast<unsigned char>(bytes[i])) != 0;
    };
    std::size_t begin = at;
    while (begin > 0 && counts(begin - 1)) {
        --begin;
    }
    std::size_t end = at;
    while (counts(end)) {
        ++end;
    }
    return bytes.substr(begin, end - begin);
}

std::string octal(std::uint32_t value, int digits) {
    char text[16];
    (void)std::snprintf(text, sizeof text, "%0*o", digits, value);
    return text;
}

/// Four bytes that tell a second of the build, in either byte order, near the place.
bool has_binary_second(const std::string& bytes, std::size_t at, std::time_t begin, std::time_t end) {
    const std::size_t from = at - std::min<std::size_t>(at, 7);
    for (std::size_t i = from; i <= at && i + 4 <= bytes.size(); ++i) {
        std::uint32_t little = 0;
        std::memcpy(&little, bytes.data() + i, sizeof little);
        for (const std::uint32_t value : {little, __builtin_bswap32(little)}) {
            if (value >= static_cast<std::uint64_t>(begin) && value <= static_cast<std::uint64_t>(end) + 1) {
                return true;
            }
        }
    }
    return false;
}

/// A zone's seconds east of Greenwich; those of the worlds are POSIX' "FAR-13:45" and "UTC".
long zone_offset(const std::string& timezone) {
    return timezone == "UTC" ? 0 : 13 * 3600 + 45 * 60;
}

std::string short_date(std::time_t second, long offset, const char* format) {
    const std::time_t shifted = second + offset;
    std::tm parts{};
    char text[32];
    (void)::gmtime_r(&shifted, &parts);
    const std::size_t size = std::strftime(text, sizeof text, format, &parts);
    return {text, size};
}

/// "12:34:56" as each second of the build was called, in the world's time zone.
bool has_clock(std::string_view bytes, const ComparedBuild& build, long offset) {
    constexpr std::time_t most = 3600;
    for (std::time_t second = build.begin; second <= std::min(build.end, build.begin + most); ++second) {
        if (bytes.find(short_date(second, offset, "%H:%M:%S")) != std::string_view::npos) {
            return true;
        }
    }
    return false;
}

bool has_second(const std::string& bytes, std::size_t at, const ComparedBuild& build, long offset) {
    constexpr std::size_t date = 32; ///< about as long as one is, before and behind its first difference
    const auto number = parse_number(digits_around(bytes, at, std::isdigit));
    const bool decimal = number && *number >= static_cast<std::uint64_t>(build.begin) &&
                         *number <= static_cast<std::uint64_t>(build.end) + 1;
    const std::string_view around = std::string_view{bytes}.substr(at - std::min(at, date), 2 * date);
    return decimal || has_binary_second(bytes, at, build.begin, build.end) ||
           has_clock(around, build, offset);
}

/// An address as it is without randomization on x86-64 and others: the program at 0x5555.... or 0x4000..,
/// the stack and libraries just below the top.
bool is_fixed_address(std::uint64_t address) {
    return (address >> 24U) == 0x555555U || (address >> 28U) == 0x7ffffU || (address >> 24U) == 0x7ffff7U ||
           (address >> 28U) == 0xffffU;
}

bool has_fixed_address(const std::string& bytes, std::size_t at) {
    const std::string digits = digits_around(bytes, at, std::isxdigit);
    if (digits.size() >= 8 && digits.size() <= 16 &&
        is_fixed_address(std::strtoull(digits.c_str(), nullptr, 16))) {
        return true;
    }
    const std::size_t from = at - std::min<std::size_t>(at, 7);
    for (std::size_t i = from; i <= at && i + 8 <= bytes.size(); ++i) {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes.data() + i, sizeof value);
        if (is_fixed_address(value)) {
            return true;
        }
    }
    return false;
}

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : text) {
        if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == '\0') {
            if (!word.empty()) {
                words.push_back(std::move(word));
            }
            word.clear();
        } else {
            word += c;
        }
    }
    if (!word.empty()) {
        words.push_back(std::move(word));
    }
    return words;
}

} // namespace

Betrayal::Betrayal(const ComparedBuild& first, const ComparedBuild& second) : first_(first), second_(second) {
    const World& a = first.world;
    const World& b = second.world;
    signs_ = {{"hostname", a.hostname, b.hostname},
              {"user", a.user, b.user},
              {"user", std::to_string(a.uid), std::to_string(b.uid)},
              {"user", std::to_string(a.gid), std::to_string(b.gid)},
              {"path", a.place, b.place},
              {"kernel", first.kernel_release, second.kernel_release},
              {"locale", a.locale, b.locale},
              {"timezone", a.timezone, b.timezone},
              {"timezone", a.timezone, b.timezone.substr(0, b.timezone.find('-'))},
              {"processors", std::to_string(first.processors), std::to_string(second.processors)},
              {"processors", "0-" + std::to_string(first.processors - 1), "0"}};
    for (const auto& [name, value] : b.variables) {
        signs_.push_back({"environment", "", name});
        signs_.push_back({"environment", "", value});
    }
    add_signs_of_time();
    add_signs_of_modes();
    if (b.locale_for_all) {
        signs_.push_back({"locale", "", b.locale}); // LC_ALL, which the first world has not
    }
}

/// A time that both builds were told to use looks different where it is shown in local time.
void Betrayal::add_signs_of_time() {
    const long a = zone_offset(first_.world.timezone);
    const long b = zone_offset(second_.world.timezone);
    for (const char* format : {"%z", "%H:%M"}) {
        signs_.push_back({"timezone", short_date(0, a, format), short_date(0, b, format)});
    }
    signs_.push_back({"timezone", "+0000", "+1345"});
}

/// What stands in the mode fields of archives and listings, which the umask has a say in; and ids there.
void Betrayal::add_signs_of_modes() {
    signs_.push_back({"umask", octal(first_.world.umask, 4), octal(second_.world.umask, 4)});
    if (first_.world.umask != second_.world.umask) {
        for (const auto& [first, second] :
             {std::pair{"0755", "0775"}, std::pair{"0644", "0664"}, std::pair{"0000755", "0000775"},
              std::pair{"0000644", "0000664"}, std::pair{"rwxr-xr-x", "rwxrwxr-x"},
              std::pair{"rw-r--r--", "rw-rw-r--"}}) {
            signs_.push_back({"umask", first, second});
        }
    }
    signs_.push_back({"user", octal(first_.world.uid, 7), octal(second_.world.uid, 7)});
    signs_.push_back({"user", octal(first_.world.gid, 7), octal(second_.world.gid, 7)});
}

/// What reaches over the first byte that differs.
std::string Betrayal::of_place(const ContentDifference& difference) const {
    const auto stands = [&](const std::string& bytes, const std::string& text) {
        return text.empty() || stands_at(bytes, difference.at, text);
    };
    for (const Sign& sign : signs_) {
        if (sign.first != sign.second && stands(difference.first, sign.first) &&
            stands(difference.second, sign.second)) {
            return sign.variation;
        }
    }
    const long first = zone_offset(first_.world.timezone);
    const long second = zone_offset(second_.world.timezone);
    return has_second(difference.first, difference.at, first_, first) &&
                   has_second(difference.second, difference.at, second_, second)
               ? "time"
               : "";
}

/// What stands anywhere in one file and not in the other: the first byte that differs may be a length, or a
/// hash, of what follows.
std::string Betrayal::of_whole(const ContentDifference& difference) const {
    constexpr std::size_t telling = 4; // shorter ones stand in files by chance
    const auto has = [](const std::string& bytes, const std::string& text) {
        return bytes.find(text) != std::string::npos;
    };
    for (const Sign& sign : signs_) {
        const bool first =
            sign.first.empty() || (sign.first.size() >= telling && has(difference.first_whole, sign.first));
        const bool second = sign.second.size() >= telling && has(difference.second_whole, sign.second) &&
                            !has(difference.first_whole, sign.second);
        if (sign.first != sign.second && first && second) {
            return sign.variation;
        }
    }
    return has_clock(difference.first_whole, first_, zone_offset(first_.world.timezone)) &&
                   has_clock(difference.second_whole, second_, zone_offset(second_.world.timezone))
               ? "time"
               : "";
}

/// The same words in another order: sorted by byte in the C locale and otherwise in the other, or as a
/// directory was read.
std::string Betrayal::of_order(const ContentDifference& difference) const {
    std::vector<std::string> first = words_of(difference.first_whole);
    std::vector<std::string> second = words_of(difference.second_whole);
    const bool sorted = std::is_sorted(first.begin(), first.end());
    std::sort(first.begin(), first.end());
    std::vector<std::string> second_sorted = second;
    std::sort(second_sorted.begin(), second_sorted.end());
    if (first.size() < 2 || first != second_sorted || second == first) {
        return "";
    }
    return sorted ? "locale" : "order";
}

std::string Betrayal::of_content(const ContentDifference& difference) const {
    for (const auto& look : {&Betrayal::of_place, &Betrayal::of_order}) {
        std::string found = (this->*look)(difference);
        if (!found.empty()) {
            return found;
        }
    }
    if (second_.world.fixed_addresses && has_fixed_address(difference.second, difference.at)) {
        return "addresses";
    }
    return of_whole(difference);
}

std::string Betrayal::of_name(const std::string& path) const {
    for (const Sign& sign : signs_) {
        for (const std::string& text : {sign.first, sign.second}) {
            constexpr std::size_t telling = 3; // shorter ones stand in names by chance
            if (sign.first != sign.second && text.size() > telling && path.find(text) != std::string::npos) {
                return sign.variation;
            }
        }
    }
    return "";
}

} // namespace sandbox
