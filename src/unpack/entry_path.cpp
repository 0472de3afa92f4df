// SPDX-License-Identifier: Apache-2.0
// Cleans names of archive entries; pure.
#include "unpack/entry_path.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/text.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

namespace {

[[noreturn]] void refuse(std::string_view entry, const std::string& reason) {
    throw UsageError(shorten(entry), reason);
}

} // namespace

std::string clean_path(std::string_view raw, std::string_view entry, std::string_view kind) {
    const std::string its = "the archive entry's " + std::string{kind};
    if (raw.empty()) {
        refuse(entry, its + " is empty");
    }
    std::string path;
    std::size_t depth = 0;
    // By hand rather than split(): a hostile name may have a million components.
    for (std::size_t at = 0; at < raw.size();) {
        const std::size_t end = std::min(raw.find('/', at), raw.size());
        const std::string_view component = raw.substr(at, end - at);
        at = end + 1;
        if (component.empty() || component == ".") {
            continue;
        }
        if (component == "..") {
            refuse(entry, its + " has a '..' in it");
        }
        if (component.size() > limits::component_bytes) {
            refuse(entry,
                   its + " has a part longer than " + std::to_string(limits::component_bytes) + " bytes");
        }
        if (++depth > limits::depth) {
            refuse(entry, its + " is deeper than " + std::to_string(limits::depth) + " directories");
        }
        if (!path.empty()) {
            path += '/';
        }
        path += component;
        if (path.size() > limits::path_bytes) {
            refuse(entry, its + " is longer than " + std::to_string(limits::path_bytes) + " bytes");
        }
    }
    return path;
}

SplitPath split_path(std::string_view path) noexcept {
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) {
        return {{}, path};
    }
    return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string shorten(std::string_view name) {
    constexpr std::size_t longest = 256;
    if (name.size() <= longest) {
        return std::string{name};
    }
    std::string text{name.substr(0, longest / 2)};
    text += "...";
    text += name.substr(name.size() - longest / 2);
    return text;
}

bool keeps_attribute(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 4> steering = {"user.overlay.", "user.fuseoverlayfs.",
                                                          "user.containers.", "user.sandbox."};
    if (name == "security.capability") {
        return true;
    }
    return name.starts_with("user.") &&
           std::none_of(steering.begin(), steering.end(),
                        [name](std::string_view prefix) { return name.starts_with(prefix); });
}

} // namespace sandbox::unpack
