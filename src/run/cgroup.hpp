// SPDX-License-Identifier: Apache-2.0
// --memory, --cpus, --pids-limit, rates of disks: a cgroup (v2) for one sandbox.
// https://docs.kernel.org/admin-guide/cgroup-v2.html
//
//   DELEGATED                          the cgroup that this process was in: the user's own
//   DELEGATED/sandbox-PID.supervisor   this process meanwhile: what has controllers below it holds none
//   DELEGATED/sandbox-PID              the limits
//   DELEGATED/sandbox-PID/payload      everything of the sandbox; its cgroup namespace begins here
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// One file of a cgroup and what is written there.
struct CgroupSetting {
    std::string controller;
    std::string file; ///< empty: nothing is written, the controller is only enabled
    std::string value;
    std::string option; ///< for messages
};

/// All but the rates of devices, whose numbers are asked of the host.
std::vector<CgroupSetting> cgroup_settings(const CgroupLimits& limits);

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
