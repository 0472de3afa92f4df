// SPDX-License-Identifier: Apache-2.0
// Which locales there are: locale(1), without running it.
#pragma once

#include <string>
#include <vector>

namespace sandbox {

/// A locale that may sort otherwise than C: of the archive or the directories in `directories` (paths of the
/// host), in which glibc looks for them. @return as LC_ALL takes it; empty where there is none
std::string choose_other_locale(const std::vector<std::string>& directories);

} // namespace sandbox
