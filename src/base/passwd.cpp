// SPDX-License-Identifier: Apache-2.0
// passwd(5).
#include "base/passwd.hpp"

#include <fcntl.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

std::optional<PasswdEntry> pick(const std::vector<PasswdEntry>& entries, uid_t uid) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const PasswdEntry& entry) { return entry.uid == uid; });
    return found != entries.end() ? std::optional{*found} : std::nullopt;
}

} // namespace

std::optional<std::uint32_t> parse_id(std::string_view text) {
    constexpr std::uint64_t max_id = 0xfffffffe;
    const auto number = parse_number(text, max_id);
    return number ? std::optional{static_cast<std::uint32_t>(*number)} : std::nullopt;
}

std::vector<PasswdEntry> parse_passwd(std::string_view text) {
    std::vector<PasswdEntry> entries;
    for (const std::string_view line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() != 7 || fields[0].empty()) {
            continue;
        }
        const auto uid = parse_id(fields[2]);
        const auto gid = parse_id(fields[3]);
        if (uid && gid) {
            entries.push_back(
                {std::string{fields[0]}, *uid, *gid, std::string{fields[5]}, std::string{trim(fields[6])}});
        }
    }
    return entries;
}

std::optional<PasswdEntry> find_host_user(uid_t uid) {
    constexpr std::size_t file_limit = 16 << 20;
    const auto text = read_file_if_exists(AT_FDCWD, "/etc/passwd", file_limit);
    if (auto entry = pick(parse_passwd(text.value_or("")), uid)) {
        return entry;
    }
    const auto answer = output_of("/usr/bin/getent", {"getent", "passwd", std::to_string(uid)});
    return pick(parse_passwd(answer.value_or("")), uid);
}

} // namespace sandbox
