// SPDX-License-Identifier: Apache-2.0
// Values of the options of `sandbox build`.
#include "spec/build_spec.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace sandbox {

Variations parse_variations(std::string_view text) {
    Variations result = 0;
    for (const std::string_view word : split(text, ',')) {
        if (word == "all") {
            result |= all_variations;
            continue;
        }
        const auto* const found = std::find_if(variation_names.begin(), variation_names.end(),
                                               [&](const auto& entry) { return word == entry.first; });
        if (found == variation_names.end()) {
            std::string names = "all";
            for (const auto& [name, variation] : variation_names) {
                names += std::string{", "} + name;
            }
            throw UsageError("--vary " + printable(text), "there is no variation " + printable(word),
                             "there are " + names);
        }
        result |= bit_of(found->second);
    }
    return result;
}

std::string parse_build_path(std::string_view text) {
    std::string path;
    for (const std::string_view component : split(text, '/')) {
        if (component == ".." || component == ".") {
            path.clear();
            break;
        }
        path += component.empty() ? "" : "/" + std::string{component};
    }
    // What stands there is the sandbox's own, or holds the tools.
    static constexpr const char* taken[] = {"/proc", "/sys", "/dev", "/usr", "/etc", "/bin", "/sbin", "/lib"};
    const bool is_taken =
        std::any_of(std::begin(taken), std::end(taken), [&](const char* place) { return path == place; }) ||
        path.starts_with("/proc/") || path.starts_with("/sys/") || path.starts_with("/dev/");
    if (!text.starts_with('/') || path.empty() || is_taken) {
        throw UsageError("--build-path " + printable(text), "no place for a workspace",
                         "an absolute path without \"..\", as /build, its default");
    }
    return path;
}

} // namespace sandbox
