// SPDX-License-Identifier: Apache-2.0
// The root file system of one start: its layers, and how writes are kept apart from them.
#pragma once

#include <string>
#include <vector>

namespace sandbox {

enum class RootStorage {
    host_bind,     ///< the host's root, read-only
    overlay_disk,  ///< overlayfs, upper in the run directory
    overlay_tmpfs, ///< overlayfs, upper on a tmpfs
    fuse_overlay,  ///< fuse-overlayfs, upper in the run directory
    copy,          ///< a copy of the tree in the run directory
};

struct Rootfs {
    RootStorage storage = RootStorage::host_bind;
    std::vector<std::string> layers; ///< host paths, uppermost first
    std::string run_directory;       ///< host path; empty for host_bind
};

} // namespace sandbox
