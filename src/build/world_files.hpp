// SPDX-License-Identifier: Apache-2.0
// Files of /proc and /sys as a varied world shows them.
#pragma once

#include <string>
#include <vector>

#include "build/world.hpp"

namespace sandbox {

struct WorldFile {
    std::string path; ///< absolute
    std::string content;
};

/// One processor, another kernel release: what system calls say of them is made to differ by
/// sched_setaffinity(2) and personality(2); these are the files that say it too.
std::vector<WorldFile> files_of(const World& world);

/// The release that uname(2) tells under UNAME26, and the one that it tells otherwise.
std::string other_kernel_release();
std::string kernel_release();

} // namespace sandbox
