// SPDX-License-Identifier: Apache-2.0
// What a build has changed in its workspace: the upper directory of its overlay, read when everything inside
// has ended. overlayfs.rst, "Upper and Lower".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sandbox {

enum class ChangeKind {
    file,
    symlink,
    directory,
    removed, ///< the workspace has it, and the build took it away
    special, ///< a FIFO or a socket; devices cannot be made inside
};

struct Change {
    std::string path; ///< relative to the workspace
    ChangeKind kind = ChangeKind::file;
    mode_t mode = 0; ///< permission bits, set-id bits among them
    std::uint64_t size = 0;
    std::uint64_t inode = 0;
    std::uint64_t other_names = 0; ///< file: names that it has outside of the upper directory
    bool was_there = false;        ///< directory: the workspace has one there too
    bool hides_lower = false;      ///< directory: nothing that the workspace has in it is left
};

/// Every change, each directory before what it holds, names sorted by their bytes. Of files that were opened
/// to be written but are as they were, and of directories that only hold changes, nothing is said, but for a
/// directory's changed mode.
/// @param upper, workspace open directories
std::vector<Change> read_changes(int upper, int workspace);

} // namespace sandbox
