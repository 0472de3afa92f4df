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

/// Directories of the workspace that outputs go to: those above what the patterns name, as far as they have
/// no wildcards and are there. Sorted.
std::vector<std::string> output_directories(int workspace, const std::vector<PathPattern>& outputs);

/// What of the workspace a build is shown.
struct ShownPart {
    std::vector<std::string> inputs;      ///< sorted; empty: everything
    std::vector<std::string> directories; ///< sorted: seen as well, without what is in them

    [[nodiscard]] bool is_input(const std::string& path) const;
    /// Whether the directory is seen, though not as an input: it holds one, or is one of `directories`.
    [[nodiscard]] bool is_shown_directory(const std::string& path) const;
    /// Whether the path is seen, and all that may lie below it.
    [[nodiscard]] bool shows_whole(const std::string& path) const;
    /// Whether what the workspace has at the path is seen.
    [[nodiscard]] bool shows(const std::string& path, bool is_directory) const;
};

/// What an overlay has to hide so that nothing else is seen.
std::vector<HiddenEntry> hidden_by(int workspace, const ShownPart& shown);

} // namespace sandbox
