// SPDX-License-Identifier: Apache-2.0
// Whether what was unpacked looks like a root filesystem at all.
#pragma once

namespace sandbox::unpack {

/// Throws UsageError when the directory holds nothing of a root filesystem (bin, sbin, usr, lib, etc, ...),
/// with a hint where it holds a root one directory down.
void check_root_filesystem(int root_fd);

} // namespace sandbox::unpack
