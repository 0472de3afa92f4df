// SPDX-License-Identifier: Apache-2.0
// Who -u names: passwd(5) and group(5) of the image, read from its layers before anything is started.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/passwd.hpp"

namespace sandbox {

struct GroupEntry {
    std::string name;
    gid_t gid = 0;
    std::vector<std::string> members;
};

/// Lines that are not of the form are passed over. Pure.
std::vector<GroupEntry> parse_group(std::string_view text);

/// A user as the process will be.
struct ResolvedUser {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups; ///< supplementary, from group(5)
    std::string name;          ///< the passwd name, or the number
    std::string home = "/";
    std::string shell; ///< empty where unknown
};

/// NAME|UID[:GROUP|GID], as podman has it: a number is always an id, never a name (CVE-2024-9676's kin).
/// Throws UsageError where the name is not known. Pure.
ResolvedUser resolve_user(std::string_view text, const std::vector<PasswdEntry>& users,
                          const std::vector<GroupEntry>& groups);

/// A file of the image at `path` (relative to its root), as layered_path.hpp finds it. Missing, or not a
/// regular file: nothing.
/// @param limit in bytes; a larger file is a UsageError
std::optional<std::string> read_image_file(const std::vector<std::string>& layers, const std::string& path,
                                           std::size_t limit = 1 << 20);

/// Whether the image has something at `path`, by the same rules.
bool image_has(const std::vector<std::string>& layers, const std::string& path);

} // namespace sandbox
