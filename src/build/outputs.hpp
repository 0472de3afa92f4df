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

/// Where a build's files lie, and what they are called.
struct BuiltTree {
    int upper;     ///< an open directory: what the build wrote
    int workspace; ///< an open directory: what it was given
};

/// Throws UsageError for the first pattern that names nothing after the build.
/// @param inputs what of the workspace the build was shown; none: all of it
void require_outputs(const BuiltTree& tree, const std::vector<PathPattern>& patterns,
                     const std::vector<Change>& changes, const std::vector<std::string>& inputs);

/// Throws Error for the first output that must not be put into the workspace: what is neither a file, a
/// directory nor a symbolic link; a link that leads out of the workspace (CVE-2019-10152 and its kin); a file
/// with names elsewhere.
void refuse_unsafe(const BuiltTree& tree, const std::vector<Change>& outputs);

} // namespace sandbox
