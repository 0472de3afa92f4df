// SPDX-License-Identifier: Apache-2.0
// passwd(5) and group(5) of an image that a stranger made, and -u against them.
#include "rootfs/users.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sandbox;
using fuzz::require;

namespace {

constexpr std::uint32_t no_id = UINT32_MAX; // "no change" to setresuid(2)

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

void check_user(std::string_view name, const std::vector<PasswdEntry>& users,
                const std::vector<GroupEntry>& groups) {
    const ResolvedUser user = resolve_user(name, users, groups);
    require(user.uid != no_id && user.gid != no_id, "an id is somebody's");
    for (const gid_t group : user.groups) {
        require(group != no_id, "a group is one");
    }
    const std::string_view asked = name.substr(0, name.find(':'));
    if (is_number(asked)) {
        require(parse_id(asked) == user.uid, "a number is an id, whatever the image says");
    }
}

} // namespace

/// "-u"'s value, passwd and group, with a NUL between them.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto parts = split(fuzz::text_of(data, size), '\0');
    const auto part = [&](std::size_t index) {
        return index < parts.size() ? parts[index] : std::string_view{};
    };
    const auto users = parse_passwd(part(1));
    const auto groups = parse_group(part(2));
    for (const PasswdEntry& user : users) {
        require(!user.name.empty() && user.uid != no_id && user.gid != no_id, "an entry is whole");
    }
    for (const GroupEntry& group : groups) {
        require(!group.name.empty() && group.gid != no_id, "a group is whole");
    }
    fuzz::is_taken([&] { check_user(part(0), users, groups); });
    return 0;
}
