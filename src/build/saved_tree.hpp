// SPDX-License-Identifier: Apache-2.0
// The workspace as a build left it, saved elsewhere.
#pragma once

#include <string>
#include <vector>

#include "build/outputs.hpp"

namespace sandbox {

/// Throws UsageError for a directory that save_tree() could not take: not empty, or within the workspace.
void require_place_to_save(const std::string& directory, const std::string& workspace_path);

/// Copies what the build was shown of the workspace to `directory`, which is made (or is empty), and puts
/// what the build changed over it; what is neither a file, a directory nor a link is left out. Throws Error.
/// @param workspace_path of tree.workspace
void save_tree(const BuiltTree& tree, const std::string& workspace_path, const std::string& directory);

} // namespace sandbox
