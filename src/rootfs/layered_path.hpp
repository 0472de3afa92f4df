// SPDX-License-Identifier: Apache-2.0
// A path looked up through an image's layers from outside, as overlayfs will show it: whiteouts, opaque
// directories, and links that lead from one layer into another. overlayfs.rst, "Merging directories".
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace sandbox {

/// Opens `path` (relative to the image's root); symbolic links are followed inside the image, "/" and ".."
/// stay in it. Nothing blocks, and no magic link is followed.
/// @param layers host paths, uppermost first
/// @param flags of open(2)
/// @return invalid with errno ENOENT where the image has no such file, ELOOP or ENOTDIR as open(2)
UniqueFd open_in_layers(const std::vector<std::string>& layers, const std::string& path, int flags);

} // namespace sandbox
