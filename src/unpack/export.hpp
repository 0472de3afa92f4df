// SPDX-License-Identifier: Apache-2.0
// From an image's trees to a tar.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace sandbox::unpack {

struct ExportSummary {
    std::string digest; ///< of the tar
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
};

/// Writes what an overlay of the layers shows as a tar (tar_writer.hpp) to `fd`: entries in the order of a
/// walk, those of a directory by the bytes of their names, so that the same tree gives the same tar.
///
/// Kept: what extract() keeps. Whiteouts (a device 0/0; a file with user.overlay.whiteout) and opaque
/// directories (user.overlay.opaque and fuse-overlayfs' name for it) are resolved, sockets left out. Where a
/// tree was unpacked with one id, the true owner and mode stand in the extended attribute user.sandbox.owner,
/// "UID:GID:MODE" with the mode in octal, which does not show in the tar itself.
/// @param layers directories open for reading, uppermost first
/// Throws SystemError and UsageError that name the path at fault.
ExportSummary export_layers(std::span<const int> layers, int fd);

} // namespace sandbox::unpack
