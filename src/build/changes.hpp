// SPDX-License-Identifier: Apache-2.0
// What a build has changed in its workspace: the upper directory of its overlay, read when everything inside
// has ended. overlayfs.rst, "Upper and Lower".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/signals.hpp"
#include "build/inputs.hpp"

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
    bool was_there = false;        ///< directory: the build was shown one of the workspace there
    bool hides_lower = false;      ///< directory: nothing that the workspace has in it is left
};

/// Where a build's files lie, and what they are called.
struct BuiltTree {
    int upper;              ///< an open directory: what the build wrote
    int workspace;          ///< an open directory: what it was given
    const ShownPart& shown; ///< what of that it saw: the rest is as if it were not there
    const Checkpoint& checkpoint;
};

/// Every change, each directory before what it holds, names sorted by their bytes. Of files that were opened
/// to be written but are as they were, and of directories that only hold changes, nothing is said, but for a
/// directory's changed mode. Directories of the upper that their owner may not read or write are made such
/// that he may: it is thrown away, and the modes are told.
std::vector<Change> read_changes(const BuiltTree& tree);

} // namespace sandbox
