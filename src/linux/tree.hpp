// SPDX-License-Identifier: Apache-2.0
// Removal of directory trees that strangers filled: by descriptor, never through a symbolic link, any depth.
#pragma once

#include <string>

namespace sandbox {

/// Removes everything below the directory, which itself stays. The caller needs write access to all of it: as
/// its owner, or with CAP_DAC_OVERRIDE in a user namespace that maps its owners. A directory without write
/// permission is made writable first. Throws SystemError naming what could not be removed.
void remove_tree_content(int dir_fd, const std::string& name_for_errors);

/// Removes `name` in `dir_fd` and everything below it; nothing there is no error.
void remove_tree(int dir_fd, const std::string& name);

/// Whether the directory has no entry but "." and "..".
bool is_empty_directory(int dir_fd, const std::string& name);

} // namespace sandbox
