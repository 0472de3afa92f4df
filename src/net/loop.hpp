// SPDX-License-Identifier: Apache-2.0
// The one loop of sandbox-net: from the tap through the filter to the engine, and the engine's sockets.
#pragma once

#include "net/engine_slirp.hpp"
#include "net/tap.hpp"

namespace sandbox::net {

/// An open tap keeps its network namespace alive (tun_chr_open() holds it), so the end of the sandbox's
/// processes is not seen on it: the parent has to end this process, or just to close its end of the report.
/// The interface can be deleted from inside, though.
///
/// Runs until the tap is gone or the report's reader has closed its end; returns then. Sleeps without any
/// wake-up while no flow is open. Throws SystemError where poll(2) fails.
/// @param report_fd watched for POLLERR/POLLHUP only: the parent keeps the other end open as long as it lives
/// @param ipv6 as for judge_frame()
void run_loop(const Tap& tap, SlirpEngine& engine, int report_fd, bool ipv6);

} // namespace sandbox::net
