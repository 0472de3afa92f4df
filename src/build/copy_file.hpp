// SPDX-License-Identifier: Apache-2.0
// A file copied so that it appears at its place whole or not at all. Private to this room.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/signals.hpp"
#include "build/changes.hpp"

namespace sandbox {

/// Copies content (sharing blocks where the file system can, and leaving holes as holes), mode, times and
/// user.* attributes into a file without a name, and gives it one when it is complete. open(2), "O_TMPFILE".
/// @param path for messages
void copy_file(int source, int directory, const std::string& name, const std::string& path,
               const Checkpoint& checkpoint);

/// The same for a symbolic link `name` of both directories.
void copy_symlink(int source_directory, int directory, const std::string& name, const std::string& path);

/// Files that have several names keep them.
class CopiedLinks {
  public:
    /// @return whether the file has been copied under another name, and was linked to that
    bool place_again(const Change& output, int workspace, int directory);
    void remember(const Change& output) { first_.emplace(output.inode, output.path); }

  private:
    std::map<std::uint64_t, std::string> first_; ///< the path that each inode was copied to
};

} // namespace sandbox
