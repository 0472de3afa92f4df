// SPDX-License-Identifier: Apache-2.0
// Names of archive entries: from what a stranger wrote to a path that cannot leave the root.
#pragma once

#include <string>
#include <string_view>

namespace sandbox::unpack {

/// The path relative to the root, without leading, doubled or trailing "/" and without "." components; empty
/// for the root itself ("./", "/"). Throws UsageError about `entry` for a name that is empty, has a ".."
/// component, or is beyond unpack/limits.hpp.
/// @param raw the name to clean: an entry's own or a hard link's target
/// @param entry the entry's name as the error shall show it
/// @param kind what `raw` is, for the error: "name", "hard-link target"
std::string clean_path(std::string_view raw, std::string_view entry, std::string_view kind);

/// A cleaned path's directory ("" for the root) and last component.
struct SplitPath {
    std::string_view parent;
    std::string_view leaf;
};
SplitPath split_path(std::string_view path) noexcept;

/// A name for messages: a very long one is cut in the middle.
std::string shorten(std::string_view name);

/// Whether an extended attribute of this name is set on files. Kept are user.* and security.capability. Not
/// kept is what would steer an overlay (user.overlay.*, user.fuseoverlayfs.*, user.containers.*:
/// fuse-overlayfs and containers/storage read those) or tell of owners (user.sandbox.*), and what the host's
/// kernel or its modules give a meaning (trusted.*, other security.*, system.posix_acl_*). xattr(7).
bool keeps_attribute(std::string_view name) noexcept;

} // namespace sandbox::unpack
