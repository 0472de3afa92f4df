// SPDX-License-Identifier: Apache-2.0
// --memory, --cpus, --pids-limit: a cgroup (v2) for one sandbox.
// https://docs.kernel.org/admin-guide/cgroup-v2.html
//
//   DELEGATED                the cgroup that this process was in: the user's own
//   DELEGATED/sandbox-PID.supervisor   this process meanwhile; a cgroup with controllers below it holds none
//   itself DELEGATED/sandbox-PID    the limits DELEGATED/sandbox-PID/payload      everything of the sandbox,
//   whose cgroup namespace begins here, below the limits
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "plan/plan.hpp"

namespace sandbox {

/// One file of a cgroup and what is written there.
struct CgroupSetting {
    std::string controller;
    std::string file;
    std::string value;
    std::string option; ///< for messages
};

std::vector<CgroupSetting> cgroup_settings(const CgroupPlan& plan);

/// Where the environment says that the user's systemd is reached.
struct SessionAddress {
    std::string runtime_directory; ///< XDG_RUNTIME_DIR
    std::string bus;               ///< DBUS_SESSION_BUS_ADDRESS
};

/// The cgroups of one sandbox. They go with it, which must be after the sandbox's end.
class SandboxCgroup {
  public:
    /// Below the own cgroup where that is delegated; else sandbox-aid asks systemd for a scope that is. Call
    /// it before another user namespace is entered: the bus asks for the user's id. Throws Error where
    /// neither can be.
    SandboxCgroup(const std::vector<CgroupSetting>& settings, const SessionAddress& session, const Log& log);
    ~SandboxCgroup();
    SandboxCgroup(const SandboxCgroup&) = delete;
    SandboxCgroup& operator=(const SandboxCgroup&) = delete;

    /// For clone3's CLONE_INTO_CGROUP.
    [[nodiscard]] int fd() const noexcept { return payload_.get(); }

    /// How many processes the kernel has killed for want of memory.
    [[nodiscard]] std::uint64_t oom_kills() const;

  private:
    [[nodiscard]] bool try_own(const std::vector<CgroupSetting>& settings);
    [[nodiscard]] bool enable(const std::vector<std::string>& controllers);
    void make_payload(const std::vector<CgroupSetting>& settings);
    void clear_away_dead() const noexcept;
    void leave_aside() const noexcept;
    void release() noexcept;

    std::string reason_; ///< why the own cgroup will not do
    std::string hint_;
    std::string name_;
    UniqueFd own_;        ///< DELEGATED
    UniqueFd aside_;      ///< DELEGATED/sandbox-PID.supervisor, where there is one
    UniqueFd limits_;     ///< DELEGATED/sandbox-PID
    UniqueFd payload_;    ///< DELEGATED/sandbox-PID/payload
    std::string enabled_; ///< what was written to DELEGATED's subtree_control, to be taken back
    bool moved_ = false;
};

} // namespace sandbox
