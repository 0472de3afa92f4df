// SPDX-License-Identifier: Apache-2.0
// The workspace as a build left it, saved elsewhere.
#pragma once

#include <string>
#include <vector>

#include "build/outputs.hpp"

namespace sandbox {

/// Copies what the build was shown of the workspace to `directory`, which is made (or is empty), and puts
/// what the build changed over it; what is neither a file, a directory nor a link is left out. Throws Error.
/// @param workspace_path of tree.workspace
void save_tree(const BuiltTree& tree, const std::string& workspace_path,
               const std::vector<std::string>& inputs, const std::string& directory);

/// Copies what is shown of the workspace into an open directory, owners aside. cp(1)
void copy_workspace(const std::string& workspace_path, const std::vector<std::string>& inputs,
                    const std::string& directory);

} // namespace sandbox
