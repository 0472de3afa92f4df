// SPDX-License-Identifier: Apache-2.0
// The one loop of sandbox-net: frames of the tap to the router, and the turns of all sockets and timers.
#pragma once

#include <functional>

#include "net/capture.hpp"
#include "net/engine_slirp.hpp"
#include "net/reactor.hpp"
#include "net/router.hpp"
#include "net/tap.hpp"

namespace sandbox::net {

struct LoopParts {
    const Tap& tap;
    Router& router;
    SlirpEngine& slirp;
    Reactor& reactor;                 ///< of everything that is not libslirp's
    Capture* capture = nullptr;       ///< flushed before each sleep
    int control_fd = -1;              ///< to the parent, who keeps its end open as long as it lives
    std::function<bool()> on_control; ///< it is readable; false ends the loop
    std::function<bool()> is_over;    ///< asked after each wake-up; true ends the loop
};

/// An open tap keeps its network namespace alive (tun_chr_open() holds it), so the end of the sandbox's
/// processes is not seen on it: the parent has to end this process, or just to close its end of the control
/// socket. The interface can be deleted from inside, though.
///
/// Runs until the tap is gone or on_control says so; returns then. Sleeps without any
/// wake-up while no flow is open. Throws SystemError where poll(2) fails.
void run_loop(const LoopParts& parts);

} // namespace sandbox::net
