// SPDX-License-Identifier: Apache-2.0
// The root file system of one start: its layers, and how writes are kept apart from them.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sandbox {

enum class RootStorage {
    host_bind,     ///< the host's root, read-only
    host_parts,    ///< some of the host's directories, read-only, below a root of the sandbox's own
    overlay_disk,  ///< overlayfs, upper in the run directory
    overlay_tmpfs, ///< overlayfs, upper on a tmpfs
    fuse_overlay,  ///< fuse-overlayfs, upper in the run directory
    copy,          ///< a copy of the tree in the run directory
};

/// A directory of the host's that is seen at its own path, or a symbolic link made anew.
struct HostPart {
    std::string path; ///< absolute; its parent is "/" or a directory that a mount makes
    std::string link; ///< what the link says; empty: a directory
};

/// Where the writes of an OverlayMount go.
struct WorkspaceStorage {
    std::string run_directory; ///< host path
    bool upper_on_tmpfs = false;
};

struct Rootfs {
    RootStorage storage = RootStorage::host_bind;
    std::vector<std::string> layers; ///< host paths, uppermost first
    std::string run_directory;       ///< host path; empty for host_bind and host_parts
    std::vector<HostPart> host_parts = {};
    std::optional<WorkspaceStorage> workspace = {}; ///< with an OverlayMount
};

} // namespace sandbox
