// SPDX-License-Identifier: Apache-2.0
// Which part of the workspace a build sees.
#pragma once

#include <string>
#include <vector>

#include "build/path_pattern.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// The paths that the patterns name, sorted; one below another that is named as a whole is left out. A
/// pattern that names nothing, or leads through a symbolic link, is a UsageError.
/// @param workspace an open directory
std::vector<std::string> expand_inputs(int workspace, const std::vector<PathPattern>& patterns);

/// Paths that the pattern names below the workspace; what is named as a whole is not looked into.
std::vector<std::string> find_matches(int workspace, const PathPattern& pattern);

/// What an overlay has to hide so that of the workspace only `inputs` is seen, and the directories that they
/// lie in. Empty inputs are the whole workspace: nothing is hidden.
std::vector<HiddenEntry> hidden_by(int workspace, const std::vector<std::string>& inputs);

} // namespace sandbox
