// SPDX-License-Identifier: Apache-2.0
// Users of an image.
#include "rootfs/users.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "rootfs/layered_path.hpp"

namespace sandbox {

namespace {

/// All digits: an id, or too large to be one; never a name, whatever the image's files say.
bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

} // namespace

std::vector<GroupEntry> parse_group(std::string_view text) {
    std::vector<GroupEntry> entries;
    for (const std::string_view line : split(text, '\n')) {
        const auto fields = split(trim(line), ':');
        const auto gid = fields.size() == 4 ? parse_id(fields[2]) : std::nullopt;
        if (!gid || fields[0].empty()) {
            continue;
        }
        GroupEntry entry{std::string{fields[0]}, *gid, {}};
        for (const std::string_view member : split(fields[3], ',')) {
            if (!member.empty()) {
                entry.members.emplace_back(member);
            }
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

ResolvedUser resolve_user(std::string_view text, const std::vector<PasswdEntry>& users,
                          const std::vector<GroupEntry>& groups) {
    const auto colon = text.find(':');
    const std::string_view user_text = text.substr(0, colon);
    // An empty half is the default: ":5" is root in group 5, "me:" has my own group. docker run, USER
    const auto uid = user_text.empty() && colon != std::string_view::npos ? 0U : parse_id(user_text);
    const auto entry = std::find_if(users.begin(), users.end(), [&](const PasswdEntry& candidate) {
        return uid ? candidate.uid == *uid : !is_number(user_text) && candidate.name == user_text;
    });
    ResolvedUser user;
    if (entry != users.end()) {
        user = {entry->uid,  entry->gid, {}, entry->name, entry->home.empty() ? "/" : entry->home,
                entry->shell};
        for (const GroupEntry& group : groups) {
            if (std::find(group.members.begin(), group.members.end(), entry->name) != group.members.end()) {
                user.groups.push_back(group.gid);
            }
        }
    } else if (uid) {
        user.uid = *uid;
        user.name = user_text;
    } else {
        throw UsageError("--user " + printable(text), "the image has no user " + printable(user_text),
                         "its /etc/passwd must name it, or give a number");
    }
    if (colon != std::string_view::npos && colon + 1 < text.size()) {
        const std::string_view group_text = text.substr(colon + 1);
        const auto gid = parse_id(group_text);
        const auto group = std::find_if(groups.begin(), groups.end(), [&](const GroupEntry& candidate) {
            return !is_number(group_text) && candidate.name == group_text;
        });
        if (!gid && group == groups.end()) {
            throw UsageError("--user " + printable(text), "the image has no group " + printable(group_text),
                             "its /etc/group must name it, or give a number");
        }
        user.gid = gid ? *gid : group->gid;
        user.groups.clear();
    }
    return user;
}

std::optional<std::string> read_image_file(const std::vector<std::string>& layers, const std::string& path,
                                           std::size_t limit) {
    const UniqueFd file = open_in_layers(layers, path, O_RDONLY);
    struct stat status {};
    if (!file.valid() || ::fstat(file.get(), &status) < 0 || !S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    return read_all(file.get(), "the image's /" + path, limit);
}

bool image_has(const std::vector<std::string>& layers, const std::string& path) {
    return open_in_layers(layers, path, O_PATH).valid();
}

} // namespace sandbox
