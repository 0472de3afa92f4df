// SPDX-License-Identifier: Apache-2.0
// Which distribution this is, so that a fix is one command that works here.
#pragma once

#include <string>
#include <string_view>

namespace sandbox {

/// Packages by what they hold; distributions name them differently.
enum class Package { map_helpers, fuse_overlayfs };

/// "sudo apt install uidmap", or its like here. @param os_release the text of os-release(5)
std::string install_command(std::string_view os_release, Package package);

/// The same for this host.
std::string install_command(Package package);

} // namespace sandbox
