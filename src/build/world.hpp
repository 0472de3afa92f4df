// SPDX-License-Identifier: Apache-2.0
// The world that a build finds itself in: always the same one, and for --check a second that differs from it
// in everything that should not matter. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "spec/build_spec.hpp"

namespace sandbox {

struct World {
    std::string hostname = "sandbox";
    std::string user = "builder";
    std::uint32_t uid = 1000;
    std::uint32_t gid = 1000;
    mode_t umask = 022;
    std::string locale = "C.UTF-8"; ///< LANG, and in the second world LC_ALL as well
    bool locale_for_all = false;
    std::string timezone = "UTC";                               ///< TZ
    std::vector<std::pair<std::string, std::string>> variables; ///< set besides
    bool one_processor = false;
    bool fixed_addresses = false; ///< ADDR_NO_RANDOMIZE, personality(2)
    bool other_release = false;   ///< UNAME26, personality(2)
    bool reversed_order = false;
    std::string place; ///< where the workspace is seen
};

/// What every build gets.
World standard_world(const std::string& place);

/// @param other_locale a locale that the image has and that sorts otherwise; empty: there is none
World varied_world(const std::string& place, Variations variations, const std::string& other_locale);

/// /etc/passwd and /etc/group of a world: root, the builder and nobody, or the builder beside those of an
/// image. @param image_text the image's own; empty: none
std::string passwd_of(const World& world, const std::string& image_text);
std::string group_of(const World& world, const std::string& image_text);

} // namespace sandbox
