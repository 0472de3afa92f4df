// SPDX-License-Identifier: Apache-2.0
// The outputs of two builds, byte for byte, and what a difference betrays.
#pragma once

#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "base/signals.hpp"
#include "build/changes.hpp"
#include "build/world.hpp"

namespace sandbox {

/// One build as far as its outputs can tell of it.
struct ComparedBuild {
    int upper;                   ///< an open directory
    std::vector<Change> outputs; ///< sorted by path
    World world;
    std::time_t begin = 0; ///< of the build, real time
    std::time_t end = 0;
    std::string kernel_release;
    unsigned processors = 1; ///< that it could see
};

struct Difference {
    std::string path;
    std::string what;    ///< "differs from byte 120 on", "only in the first build", "mode 0644, 0664"
    std::string betrays; ///< "hostname", or "" where nothing is known
};

/// In the order of paths.
std::vector<Difference> compare_builds(const ComparedBuild& first, const ComparedBuild& second,
                                       const Checkpoint& checkpoint);

} // namespace sandbox
