// SPDX-License-Identifier: Apache-2.0
// Wildcards, component by component, by fnmatch(3).
#include "build/path_pattern.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

constexpr std::string_view any_directories = "**";

bool has_wildcard(std::string_view component) {
    return component.find_first_of("*?[") != std::string_view::npos;
}

bool matches_component(const std::string& pattern, std::string_view name) {
    return has_wildcard(pattern) ? ::fnmatch(pattern.c_str(), std::string{name}.c_str(), FNM_PERIOD) == 0
                                 : pattern == name;
}

std::vector<std::string_view> components_of(std::string_view path) {
    return path.empty() ? std::vector<std::string_view>{} : split(path, '/');
}

using Names = std::vector<std::string_view>;

/// How far a path gets in a pattern.
enum class Reach { no, into, whole };

/// `into`: the path ends where the pattern goes on.
Reach reach_of(const std::vector<std::string>& pattern, std::size_t at, const Names& path, std::size_t from) {
    if (at == pattern.size()) {
        return from == path.size() ? Reach::whole : Reach::no;
    }
    if (pattern[at] == any_directories) {
        const bool visible = std::none_of(path.begin() + static_cast<std::ptrdiff_t>(from), path.end(),
                                          [](std::string_view name) { return name.starts_with('.'); });
        if (at + 1 == pattern.size()) {
            // At the end it stands for what lies in the directory, not for itself.
            return !visible ? Reach::no : from < path.size() ? Reach::whole : Reach::into;
        }
        Reach best = visible ? Reach::into : Reach::no;
        for (std::size_t next = from; next <= path.size(); ++next) {
            best = std::max(best, reach_of(pattern, at + 1, path, next));
            if (next < path.size() && path[next].starts_with('.')) {
                break;
            }
        }
        return best;
    }
    if (from == path.size()) {
        return Reach::into;
    }
    return matches_component(pattern[at], path[from]) ? reach_of(pattern, at + 1, path, from + 1) : Reach::no;
}

} // namespace

PathPattern::PathPattern(std::string_view option, std::string_view text)
    : option_(std::string{option} + " " + printable(text)), text_(text) {
    if (text.empty()) {
        throw UsageError(option, "an empty path", "a path below the workspace, as src/main.c");
    }
    if (text.starts_with('/')) {
        throw UsageError(option_, "an absolute path", "paths are relative to the workspace: see -C");
    }
    for (const std::string_view component : split(text, '/')) {
        if (component == "..") {
            throw UsageError(
                option_, "leads out of the workspace",
                "what lies elsewhere is bound with -v SRC:DST:ro, or -C names a directory above");
        }
        if (component.empty() || component == ".") {
            continue;
        }
        literal_ = literal_ && !has_wildcard(component);
        path_ += (path_.empty() ? "" : "/") + std::string{component};
        // Twice in a row says no more, and would be tried in every combination.
        if (components_.empty() || component != any_directories || components_.back() != component) {
            components_.emplace_back(component);
        }
    }
}

std::string PathPattern::fixed_part() const {
    std::string part;
    for (const std::string& component : components_) {
        // One more name, so that what comes before it is its parent as it is for a plain path.
        part += (part.empty() ? "" : "/") + component;
        if (has_wildcard(component)) {
            break;
        }
    }
    return part;
}

bool PathPattern::matches(std::string_view path) const {
    return literal_ ? path == path_ : reach_of(components_, 0, components_of(path), 0) == Reach::whole;
}

bool PathPattern::covers(std::string_view path) const {
    if (components_.empty()) {
        return true;
    }
    if (literal_) {
        return path.starts_with(path_) && (path.size() == path_.size() || path[path_.size()] == '/');
    }
    for (std::size_t end = path.find('/'); end != std::string_view::npos; end = path.find('/', end + 1)) {
        if (matches(path.substr(0, end))) {
            return true;
        }
    }
    return matches(path);
}

bool PathPattern::leads_into(std::string_view directory) const {
    return reach_of(components_, 0, components_of(directory), 0) == Reach::into || covers(directory);
}

std::optional<std::string> pattern_of(const std::string& path) {
    if (path.find('#') != std::string::npos || path != printable(path)) {
        return std::nullopt;
    }
    std::string pattern;
    for (const std::string_view name : components_of(path)) {
        const bool at_begin = pattern.empty();
        const bool at_end = name.data() + name.size() == path.data() + path.size();
        // Blanks at a value's ends are not the value's.
        const bool is_literal =
            !has_wildcard(name) && !(at_begin && name.front() == ' ') && !(at_end && name.back() == ' ');
        pattern += at_begin ? "" : "/";
        for (const char c : name) {
            if (!is_literal && (c == ' ' || has_wildcard({&c, 1}))) {
                pattern += std::string{"["} + c + "]";
            } else {
                pattern += !is_literal && c == '\\' ? "\\\\" : std::string(1, c);
            }
        }
    }
    return pattern;
}

std::vector<PathPattern> parse_patterns(std::string_view option, const std::vector<std::string>& texts) {
    std::vector<PathPattern> patterns;
    patterns.reserve(texts.size());
    for (const std::string& text : texts) {
        patterns.emplace_back(option, text);
    }
    return patterns;
}

bool any_covers(const std::vector<PathPattern>& patterns, std::string_view path) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const PathPattern& pattern) { return pattern.covers(path); });
}

} // namespace sandbox
