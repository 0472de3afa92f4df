// SPDX-License-Identifier: Apache-2.0
// Directories looked at and opened below another, never through a symbolic link. Private to this room.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace sandbox {

/// Names in a directory as readdir(3) gives them, without "." and "..".
std::vector<std::string> names_as_read(int directory, const std::string& name_for_errors);
/// The same, sorted by their bytes.
std::vector<std::string> names_in(int directory, const std::string& name_for_errors);

/// The directory at a relative path ("" is `top` itself), open for reading. Throws where a component is
/// missing, no directory, or a symbolic link.
UniqueFd open_below(int top, const std::string& path);
/// The same where there is none: an invalid descriptor, with errno.
UniqueFd open_below_if_exists(int top, const std::string& path);

/// lstat(2) of an entry at a relative path below `top`, whose parents are no symbolic links.
std::optional<struct stat> status_below(int top, const std::string& path);

/// "a/b" and "c" as "a/b/c"; of "" and "c" it is "c".
std::string joined(const std::string& directory, const std::string& name);
/// The part before the last slash, or "".
std::string parent_of(const std::string& path);
/// The part behind it.
std::string name_of(const std::string& path);

/// What overlayfs puts for a file that is gone: a character device 0:0. overlayfs.rst, "whiteouts"
bool is_whiteout(const struct stat& status);

} // namespace sandbox
