// SPDX-License-Identifier: Apache-2.0
// From a Plan to a running command. Private to this room.
#pragma once

#include <memory>
#include <vector>

#include "base/process.hpp"
#include "run/call_report.hpp"
#include "run/fuse_overlay_helper.hpp"
#include "run/network_helper.hpp"
#include "run/run.hpp"
#include "run/terminal.hpp"

namespace sandbox {

/// A sandbox whose command runs. Helpers end with it.
struct RunningSandbox {
    ChildProcess init;
    UniqueFd user_namespace;
    std::unique_ptr<FuseOverlayHelper> file_system;
    std::unique_ptr<NetworkHelper> network;
    std::unique_ptr<TerminalProxy> terminal;
    std::unique_ptr<CallReport> calls; ///< --seccomp log
    UniqueFd workspace_upper;          ///< where it lies on a tmpfs
    std::vector<int> early_signals;    ///< that came before the command ran, to be passed on now
};

/// Clones, maps, and waits until the command has been executed. Throws what went wrong; then nothing is left.
/// Signals that arrive meanwhile are the command's and are kept for it; a second one that asks to end, while
/// the start still hangs, ends the start: LaunchInterrupted.
RunningSandbox launch(const RunRequest& request, SignalSource& signals);

/// Of the signals that are passed on.
bool asks_to_end(int signal);

/// The start was ended by a signal of the user's.
struct LaunchInterrupted {
    int signal = 0;
};

} // namespace sandbox
