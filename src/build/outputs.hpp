// SPDX-License-Identifier: Apache-2.0
// Which changes of a build are its outputs, and whether they may leave it.
#pragma once

#include <string>
#include <vector>

#include "build/changes.hpp"
#include "build/path_pattern.hpp"

namespace sandbox {

/// The changes of a build, told apart.
struct SortedChanges {
    std::vector<Change> outputs;
    std::vector<Change>
        undeclared; ///< directories that hold an output, or another of these, are not among them
};

/// @param patterns --output; none: everything is an output
SortedChanges sort_changes(std::vector<Change> changes, const std::vector<PathPattern>& patterns);

/// Throws UsageError for the first pattern that names nothing after the build.
void require_outputs(const BuiltTree& tree, const std::vector<PathPattern>& patterns,
                     const std::vector<Change>& changes);

/// Throws Error for the first output that must not be put into the workspace: what is neither a file, a
/// directory nor a symbolic link; a link that leads out of the workspace (CVE-2019-10152 and its kin); a file
/// with names elsewhere; what would take the place of a directory that the build was not shown.
void refuse_unsafe(const BuiltTree& tree, const std::vector<Change>& outputs);

} // namespace sandbox
