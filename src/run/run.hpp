// SPDX-License-Identifier: Apache-2.0
// The parent's side of a sandbox: start it, watch over it, end it.
#pragma once

#include <signal.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "base/unique_fd.hpp"
#include "child/handshake.hpp"
#include "idmap/mapping.hpp"
#include "plan/plan.hpp"
#include "run/cgroup.hpp"
#include "run/network_helper.hpp"
#include "run/onlooker.hpp"

namespace sandbox {

/// The sandbox could not be set up; nothing of the command ran.
class LaunchError : public Error {
  public:
    LaunchError(const Error& error, Stage stage, int code) : Error(error), stage_(stage), code_(code) {}
    [[nodiscard]] Stage stage() const noexcept { return stage_; }
    [[nodiscard]] int code() const noexcept { return code_; } ///< errno

  private:
    Stage stage_;
    int code_;
};

struct RunLimits {
    std::optional<std::chrono::nanoseconds> timeout; ///< then the stop signal to the command
    std::chrono::nanoseconds kill_after{};           ///< later still, SIGKILL to everything
    int stop_signal = SIGTERM;                       ///< what SIGTERM becomes on its way in
};

/// What is being run, and by which rules. References must outlive the run.
struct RunRequest {
    const Plan& plan;
    const Mapping& mapping;
    const Log& log;
    NetworkRequest& network; ///< sockets and files leave it when they are handed on
    RunLimits limits;
    const SandboxCgroup* cgroup = nullptr; ///< that everything of the sandbox is in; nullptr: the caller's
    Onlooker* onlooker = nullptr;          ///< needed where the plan has anything in its TracePlan
};

struct RunResult {
    int status = 0;           ///< the command's own, 128 + N for signal N, 124 or 137 when it timed out
    UniqueFd user_namespace;  ///< the sandbox's, where this process is not in a parent of it that has power
    UniqueFd workspace_upper; ///< where the plan has the workspace's upper directory on a tmpfs
};

/// Every signal that is passed on to the command, blocked and readable. Make it before any helper is started.
SignalSource forwarded_signals();

/// Runs the plan to its end. Throws LaunchError, or Error with status 126 or 127 when the command itself
/// cannot be executed. When it returns nothing of the sandbox runs or is mounted any more.
/// @param while_running called once, when the command has started
RunResult run_sandbox(const RunRequest& request, SignalSource& signals,
                      const std::function<void()>& while_running);

} // namespace sandbox
