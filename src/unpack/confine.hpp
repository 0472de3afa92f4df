// SPDX-License-Identifier: Apache-2.0
// The walls around the process that parses what strangers made.
#pragma once

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

} // namespace sandbox::unpack
