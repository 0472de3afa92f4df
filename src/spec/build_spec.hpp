// SPDX-License-Identifier: Apache-2.0
// What `sandbox build` was asked for beyond the sandbox and the process. Values only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sandbox {

/// In what the two worlds of --check differ.
enum class Variation : std::uint8_t {
    time, ///< the second build begins at another second
    hostname,
    user, ///< name and ids
    umask,
    locale,
    timezone,
    processors,  ///< how many are seen
    environment, ///< one variable more
    addresses,   ///< address space layout randomization
    kernel,      ///< its release
    order,       ///< of the entries of the workspace's directories
    path,        ///< where the workspace is seen
};

inline constexpr std::array<std::pair<const char*, Variation>, 12> variation_names{
    {{"time", Variation::time},
     {"hostname", Variation::hostname},
     {"user", Variation::user},
     {"umask", Variation::umask},
     {"locale", Variation::locale},
     {"timezone", Variation::timezone},
     {"processors", Variation::processors},
     {"environment", Variation::environment},
     {"addresses", Variation::addresses},
     {"kernel", Variation::kernel},
     {"order", Variation::order},
     {"path", Variation::path}}};

/// One bit for each Variation.
using Variations = std::uint32_t;

constexpr Variations bit_of(Variation variation) {
    return Variations{1} << static_cast<unsigned>(variation);
}

inline constexpr Variations all_variations = (Variations{1} << variation_names.size()) - 1;

struct BuildSpec {
    std::string workspace;            ///< a directory of the host, absolute; empty: the working directory
    std::string place = "/build";     ///< where the workspace is seen
    std::vector<std::string> inputs;  ///< patterns; empty: all of the workspace
    std::vector<std::string> outputs; ///< patterns; empty: every change
    bool strict = false;
    std::string keep_failed; ///< a directory of the host, absolute; empty: nothing is kept
    bool check = false;
    /// Not the path: a build is always at one place, and what names it there is not at fault.
    Variations variations = all_variations & ~bit_of(Variation::path);
    std::string report; ///< a path of the host, absolute; empty: none
    bool suggest_inputs = false;
    bool epoch_of_git = false;
    std::optional<std::uint64_t> epoch; ///< SOURCE_DATE_EPOCH, in seconds
};

/// --vary: names with commas between them, or "all". Throws UsageError.
Variations parse_variations(std::string_view text);

/// --build-path. Throws UsageError for what cannot hold a workspace.
std::string parse_build_path(std::string_view text);

} // namespace sandbox
