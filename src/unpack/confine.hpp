// SPDX-License-Identifier: Apache-2.0
// The walls around the process that parses what strangers made.
#pragma once

#include <span>
#include <string>

namespace sandbox::unpack {

/// The descriptors that stay open.
constexpr int archive_fd = 0;
constexpr int report_fd = 3;

/// Closes every descriptor but the archive's, stderr (for a crash's last words) and the report pipe's; stdout
/// leads to /dev/null. Throws SystemError when one that must be there is not.
void keep_only_own_descriptors();

/// From here on: `directory` is the root and nothing else of the host's files can be named, there is no
/// network, no System V IPC, no device can be made
/// (whiteouts can), capabilities are those over files, memory is bounded, and
/// system calls are those in the list of confine.cpp; all else answers EPERM. Nothing hostile may have been
/// read before. Needs to be id 0 with CAP_SYS_ADMIN of a user namespace; throws SystemError.
void confine(const std::string& directory);

/// The same two for an export. The tar goes to stdout; the layers are the descriptors from first_layer_fd on,
/// and all of the host's files that can be read afterwards.
constexpr int first_layer_fd = 4;
void keep_export_descriptors(int layers);
void confine_export(std::span<const int> layers);

} // namespace sandbox::unpack
