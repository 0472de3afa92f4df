// SPDX-License-Identifier: Apache-2.0
// Outputs: chosen by pattern, and looked at before anything of them leaves.
#include "build/outputs.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "build/directory.hpp"
#include "build/file_content.hpp"

namespace sandbox {

namespace {

/// Whether the workspace's own file at the path is still seen after the build: not removed, nor hidden by a
/// directory made anew.
bool survives(const std::vector<Change>& changes, const std::string& path) {
    return std::none_of(changes.begin(), changes.end(), [&](const Change& change) {
        const bool at_or_above = path == change.path || path.starts_with(change.path + "/");
        return at_or_above &&
               (change.kind == ChangeKind::removed ||
                (change.kind == ChangeKind::directory && change.hides_lower && path != change.path) ||
                (change.kind != ChangeKind::directory && path != change.path));
    });
}

/// Whether the workspace has a directory there with anything in it that was not shown.
bool hides_from_build(const BuiltTree& tree, const std::string& path) {
    const auto status = status_below(tree.workspace, path);
    if (!status || !S_ISDIR(status->st_mode) || tree.shown.shows_whole(path)) {
        return false;
    }
    const std::vector<std::string> names = names_in(open_below(tree.workspace, path).get(), path);
    return !tree.shown.shows(path, true) || std::any_of(names.begin(), names.end(), [&](const auto& name) {
        const auto inner = status_below(tree.workspace, joined(path, name));
        return (inner && !S_ISDIR(inner->st_mode) && !tree.shown.shows(joined(path, name), false)) ||
               hides_from_build(tree, joined(path, name));
    });
}

/// Follows a link as the kernel would in the workspace after the build, to see whether it leaves it.
class LinkWalk {
  public:
    LinkWalk(const BuiltTree& tree, const std::set<std::string>& outputs) : tree_(tree), outputs_(outputs) {}

    bool leaves(const std::string& link_path) {
        push_front(parent_of(link_path));
        if (!walk()) {
            return true; // cannot be: its parents were looked at
        }
        const auto target = read_link(link_path);
        if (!target || target->starts_with('/')) {
            return true;
        }
        push_front(*target);
        return !walk();
    }

  private:
    /// @return false where it leaves the workspace
    bool walk() {
        constexpr unsigned most_links = 40; // path_resolution(7)
        while (!ahead_.empty()) {
            const std::string name = ahead_.front();
            ahead_.pop_front();
            if (name.empty() || name == ".") {
                continue;
            }
            if (name == "..") {
                if (at_.empty()) {
                    return false;
                }
                at_.pop_back();
                continue;
            }
            at_.push_back(name);
            const auto target = read_link(path());
            if (target) {
                at_.pop_back();
                if (target->starts_with('/') || ++links_ > most_links) {
                    return false;
                }
                push_front(*target);
            }
        }
        return true;
    }

    [[nodiscard]] std::string path() const {
        std::string text;
        for (const std::string& name : at_) {
            text = joined(text, name);
        }
        return text;
    }

    /// What the link at the path says in the workspace once the outputs are there; nothing where there is
    /// none. An opaque directory above an old one would end it: to ask the workspace all the same is on the
    /// safe side.
    [[nodiscard]] std::optional<std::string> read_link(const std::string& link) const {
        const int top = outputs_.contains(link) ? tree_.upper : tree_.workspace;
        const auto status = status_below(top, link);
        if (!status || !S_ISLNK(status->st_mode)) {
            return std::nullopt;
        }
        return link_at(open_below(top, parent_of(link)).get(), name_of(link), link);
    }

    void push_front(std::string_view text) {
        const auto names = split(text, '/');
        ahead_.insert(ahead_.begin(), names.begin(), names.end());
    }

    const BuiltTree& tree_;
    const std::set<std::string>& outputs_; ///< their paths: the rest of the upper stays behind
    std::vector<std::string> at_;
    std::deque<std::string> ahead_;
    unsigned links_ = 0;
};

} // namespace

SortedChanges sort_changes(std::vector<Change> changes, const std::vector<PathPattern>& patterns) {
    if (patterns.empty()) {
        return {std::move(changes), {}};
    }
    SortedChanges sorted;
    // Backwards, so that a directory comes after what it holds.
    std::set<std::string> told;
    for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
        const bool is_output = any_covers(patterns, change->path);
        const bool holds_more = change->kind == ChangeKind::directory && told.contains(change->path);
        if (is_output || !holds_more) {
            told.insert(change->path);
            (is_output ? sorted.outputs : sorted.undeclared).push_back(*change);
        }
        for (std::string above = parent_of(change->path); !above.empty() && told.insert(above).second;
             above = parent_of(above)) {
        }
    }
    std::reverse(sorted.outputs.begin(), sorted.outputs.end());
    std::reverse(sorted.undeclared.begin(), sorted.undeclared.end());
    return sorted;
}

void require_outputs(const BuiltTree& tree, const std::vector<PathPattern>& patterns,
                     const std::vector<Change>& changes) {
    for (const PathPattern& pattern : patterns) {
        const bool made = std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
            return change.kind != ChangeKind::removed && pattern.covers(change.path);
        });
        if (made || pattern.path().empty()) {
            continue;
        }
        // What was there before, and is as it was, needs no making: an up-to-date build.
        std::vector<std::string> there;
        if (pattern.is_literal()) {
            there = status_below(tree.workspace, pattern.path()) ? std::vector{pattern.path()} : there;
        } else {
            there = find_matches(tree.workspace, pattern);
        }
        const bool still_there = std::any_of(there.begin(), there.end(), [&](const std::string& path) {
            const auto status = status_below(tree.workspace, path);
            return status && tree.shown.shows(path, S_ISDIR(status->st_mode)) && survives(changes, path);
        });
        if (!still_there) {
            throw UsageError(pattern.option(), "the build has not made it",
                             "paths are relative to the workspace; --keep-failed DIR saves what there is");
        }
    }
}

void refuse_unsafe(const BuiltTree& tree, const std::vector<Change>& outputs) {
    std::set<std::string> paths;
    for (const Change& output : outputs) {
        paths.insert(output.path);
    }
    for (const Change& output : outputs) {
        const std::string object = "output " + printable(output.path);
        if (output.kind == ChangeKind::special) {
            throw Error(object, "neither a file, a directory nor a symbolic link",
                        "--output names what is wanted, without it");
        }
        if (output.other_names > 0) {
            throw Error(object, "has another name outside of the workspace");
        }
        if (output.kind == ChangeKind::symlink && LinkWalk{tree, paths}.leaves(output.path)) {
            throw Error(object, "a symbolic link that leads out of the workspace",
                        "a link within it must be relative: ln -sr, or cp -L for what it points to");
        }
        const bool replaces = output.kind == ChangeKind::file || output.kind == ChangeKind::symlink;
        if (replaces && hides_from_build(tree, output.path)) {
            throw Error(object, "in its place lies a directory that the build was not shown",
                        "--input names it, where the build may take it away");
        }
    }
}

} // namespace sandbox
