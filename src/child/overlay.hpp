// SPDX-License-Identifier: Apache-2.0
// Overlays made between clone and exec. Private to this room; nothing here reports, callers do.
#pragma once

#include <cstddef>

namespace sandbox {

/// Where an overlay's writes go, as descriptors: paths of the host, with whatever characters, stay out of its
/// options. Without `upper` it is read-only.
struct OverlayParts {
    int upper = -1;
    int work = -1;
};

/// The most lower directories that the kernel takes.
inline constexpr std::size_t max_lower_directories = 500;

int open_directory_at(int dir_fd, const char* path) noexcept;

/// Opens upper and work of a run directory. EOPNOTSUPP where its file system has no user.* attributes,
/// without which the overlay would mount and fail later. @return 0, or -1 with errno
int open_overlay_parts(const char* run_directory, OverlayParts* parts) noexcept;

/// Makes both in a tmpfs that is mounted already. EOPNOTSUPP as above. @return 0, or -1 with errno
int make_overlay_parts(int tmpfs, OverlayParts* parts) noexcept;

/// The overlay's root shows the upper's owner and mode: they are made those of `layer`. @return 0, or -1
int copy_root_attributes(int layer, int upper) noexcept;

/// A detached overlay of the directories `layers`, uppermost first.
/// @param place path of a directory that is mounted on where the kernel is older than 6.5
/// @return its descriptor, or -1 with errno
int make_overlay_mount(const int* layers, std::size_t count, const OverlayParts& parts,
                       const char* place) noexcept;

} // namespace sandbox
