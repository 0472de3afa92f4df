// SPDX-License-Identifier: Apache-2.0
// Subordinate ids of a user.
#include "idmap/subid.hpp"

#include <fcntl.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

/// Enough for any distribution's file; getsubids serves larger sites.
constexpr std::size_t file_limit = 16 << 20;

void add_range(std::vector<SubIdRange>& ranges, std::string_view first_text, std::string_view count_text) {
    const auto first = parse_number(first_text, UINT32_MAX);
    const auto count = parse_number(count_text, UINT32_MAX);
    if (!first || !count || *count == 0 || *first + *count > UINT32_MAX) {
        return;
    }
    const SubIdRange range{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*count)};
    const bool overlaps = std::any_of(ranges.begin(), ranges.end(), [&](const SubIdRange& other) {
        return range.first < other.first + other.count && other.first < range.first + range.count;
    });
    if (!overlaps) {
        ranges.push_back(range);
    }
}

std::vector<SubIdRange> read_ranges(const char* path, const std::string& user_name, std::uint32_t uid) {
    const auto text = read_file_if_exists(AT_FDCWD, path, file_limit);
    return text ? parse_subid_file(*text, user_name, uid) : std::vector<SubIdRange>{};
}

bool nss_serves_subids() {
    const auto config = read_file_if_exists(AT_FDCWD, "/etc/nsswitch.conf");
    if (!config) {
        return false;
    }
    for (const std::string_view line : split(*config, '\n')) {
        const std::string_view trimmed = trim(line);
        if (trimmed.starts_with("subid:")) {
            return trim(trimmed.substr(6)) != "files";
        }
    }
    return false;
}

std::vector<SubIdRange> ask_getsubids(const std::string& user_name, bool groups) {
    std::vector<std::string> arguments{"getsubids"};
    if (groups) {
        arguments.emplace_back("-g");
    }
    arguments.push_back(user_name);
    return parse_getsubids(output_of("/usr/bin/getsubids", arguments).value_or(""));
}

} // namespace

std::vector<SubIdRange> parse_subid_file(std::string_view text, std::string_view user_name,
                                         std::uint32_t uid) {
    const std::string number = std::to_string(uid);
    std::vector<SubIdRange> ranges;
    for (const std::string_view line : split(text, '\n')) {
        const auto fields = split(trim(line), ':');
        if (fields.size() == 3 && !fields[0].empty() && (fields[0] == user_name || fields[0] == number)) {
            add_range(ranges, fields[1], fields[2]);
        }
    }
    return ranges;
}

std::vector<SubIdRange> parse_getsubids(std::string_view text) {
    std::vector<SubIdRange> ranges;
    for (const std::string_view line : split(text, '\n')) {
        const auto fields = split(trim(line), ' ');
        if (fields.size() == 4) {
            add_range(ranges, fields[2], fields[3]);
        }
    }
    return ranges;
}

SubIds find_subids(const std::string& user_name, std::uint32_t uid) {
    SubIds found{read_ranges("/etc/subuid", user_name, uid), read_ranges("/etc/subgid", user_name, uid)};
    if (!found.usable() && nss_serves_subids()) {
        found = {ask_getsubids(user_name, false), ask_getsubids(user_name, true)};
    }
    return found;
}

} // namespace sandbox
