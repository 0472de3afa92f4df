// SPDX-License-Identifier: Apache-2.0
// One line of `sandbox doctor`.
#pragma once

#include <cstdint>
#include <string>

namespace sandbox {

struct Finding {
    enum class State : std::uint8_t {
        ok,
        degraded, ///< the main job works; `detail` says what is lost
        missing,  ///< it does not
    };
    std::string name; ///< of the capability, stable: scripts look for it
    State state = State::ok;
    std::string detail;
    std::string fix; ///< one command, or one thing to do; empty where all is well or nothing is known
};

} // namespace sandbox
