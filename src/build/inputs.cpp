// SPDX-License-Identifier: Apache-2.0
// Patterns to paths, and paths to what lies beside them.
#include "build/inputs.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "build/directory.hpp"

namespace sandbox {

namespace {

[[noreturn]] void refuse_missing(const PathPattern& pattern, int workspace) {
    // A link on the way looks like a missing file to whoever does not follow it.
    std::string above = pattern.is_literal() ? parent_of(pattern.path()) : "";
    for (; !above.empty(); above = parent_of(above)) {
        const auto status = status_below(workspace, above);
        if (status && S_ISLNK(status->st_mode)) {
            throw UsageError(pattern.option(), above + " is a symbolic link",
                             "name the input where it really lies, and the link beside it");
        }
    }
    throw UsageError(
        pattern.option(),
        pattern.is_literal() ? "there is no such file in the workspace" : "matches nothing in the workspace",
        "paths are relative to the workspace: the current directory, or what -C names");
}

/// Adds what lies below the directory and is named.
void find_below(int workspace, const std::string& directory, const PathPattern& pattern,
                std::vector<std::string>& found) {
    const UniqueFd open = open_below(workspace, directory);
    for (const std::string& name : names_in(open.get(), directory)) {
        const std::string path = joined(directory, name);
        if (pattern.matches(path)) {
            found.push_back(path);
            continue; // as a whole
        }
        const auto status = status_below(open.get(), name);
        if (status && S_ISDIR(status->st_mode) && pattern.leads_into(path)) {
            find_below(workspace, path, pattern, found);
        }
    }
}

/// Whether one of the sorted paths lies below the directory.
bool any_below(const std::vector<std::string>& paths, const std::string& directory) {
    const auto below = std::lower_bound(paths.begin(), paths.end(), directory + "/");
    return below != paths.end() && below->starts_with(directory + "/");
}

void hide_beside(int workspace, const std::string& directory, const ShownPart& shown,
                 std::vector<HiddenEntry>& hidden) {
    const UniqueFd open = open_below(workspace, directory);
    for (const std::string& name : names_in(open.get(), directory)) {
        const std::string path = joined(directory, name);
        if (shown.is_input(path)) {
            continue;
        }
        const auto status = status_below(open.get(), name);
        if (!shown.is_shown_directory(path) || !status || !S_ISDIR(status->st_mode)) {
            hidden.push_back({path, false, 0});
            continue;
        }
        hidden.push_back({path, true, status->st_mode & 07777U});
        hide_beside(workspace, path, shown, hidden);
    }
}

} // namespace

std::vector<std::string> expand_inputs(int workspace, const std::vector<PathPattern>& patterns) {
    std::set<std::string> found;
    for (const PathPattern& pattern : patterns) {
        if (pattern.path().empty()) {
            return {}; // "."
        }
        if (pattern.is_literal()) {
            if (!status_below(workspace, pattern.path())) {
                refuse_missing(pattern, workspace);
            }
            found.insert(pattern.path());
            continue;
        }
        const std::vector<std::string> matched = find_matches(workspace, pattern);
        if (matched.empty()) {
            refuse_missing(pattern, workspace);
        }
        found.insert(matched.begin(), matched.end());
    }
    std::vector<std::string> inputs;
    for (const std::string& path : found) {
        std::string above = parent_of(path);
        while (!above.empty() && !found.contains(above)) {
            above = parent_of(above);
        }
        if (above.empty()) {
            inputs.push_back(path);
        }
    }
    return inputs;
}

std::vector<std::string> find_matches(int workspace, const PathPattern& pattern) {
    std::vector<std::string> found;
    find_below(workspace, "", pattern, found);
    return found;
}

std::vector<std::string> output_directories(int workspace, const std::vector<PathPattern>& outputs) {
    std::set<std::string> found;
    for (const PathPattern& output : outputs) {
        for (std::string above = parent_of(output.fixed_part()); !above.empty(); above = parent_of(above)) {
            const auto status = status_below(workspace, above);
            if (status && S_ISDIR(status->st_mode)) {
                found.insert(above);
            }
        }
    }
    return {found.begin(), found.end()};
}

bool ShownPart::is_input(const std::string& path) const {
    return std::binary_search(inputs.begin(), inputs.end(), path);
}

bool ShownPart::is_shown_directory(const std::string& path) const {
    return any_below(inputs, path) || std::binary_search(directories.begin(), directories.end(), path);
}

bool ShownPart::shows_whole(const std::string& path) const {
    std::string at = path;
    while (!at.empty() && !is_input(at)) {
        at = parent_of(at);
    }
    return inputs.empty() || !at.empty();
}

bool ShownPart::shows(const std::string& path, bool is_directory) const {
    return shows_whole(path) || (is_directory && is_shown_directory(path));
}

std::vector<HiddenEntry> hidden_by(int workspace, const ShownPart& shown) {
    std::vector<HiddenEntry> hidden;
    if (!shown.inputs.empty()) {
        hide_beside(workspace, "", shown, hidden);
    }
    return hidden;
}

} // namespace sandbox
