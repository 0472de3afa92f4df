// SPDX-License-Identifier: Apache-2.0
// The child's own parts, private to this room but for enter_sandbox. Nothing here allocates, throws or calls
// code of another room but linux/: the process is a copy of the parent between clone and exec.
#pragma once

#include <signal.h>

#include "child/handshake.hpp"
#include "child/overlay.hpp"
#include "plan/plan.hpp"

namespace sandbox {

/// What the child holds beside the plan.
struct Child {
    const Plan& plan;
    int channel;                        ///< to the parent, SOCK_SEQPACKET
    sigset_t command_mask;              ///< the caller's signal mask, which the command gets
    int root = -1;                      ///< O_PATH descriptor of the new root, once there is one
    int terminal = -1;                  ///< the slave of the sandbox's terminal
    std::uint64_t own_mounts[256] = {}; ///< ids of mounts made here, on which mount points may be made
    unsigned own_mount_count = 0;
    OverlayParts workspace = {}; ///< its upper and work, open
    int scratch = -1;            ///< a tmpfs beside them, out of sight inside
};

/// Carries the plan out and becomes pid 1, or the command. Called in the child, returns never; failures are
/// reported over the channel and end the process with status 125.
[[noreturn]] void enter_sandbox(const Plan& plan, int channel, const sigset_t& command_mask) noexcept;

/// Sends a report with the current errno and exits.
[[noreturn]] void fail(const Child& child, Stage stage, std::uint32_t step = 0,
                       MountPhase phase = MountPhase::mount) noexcept;
[[noreturn]] void fail_with(const Child& child, const Report& report) noexcept;

// Each of these does its stage or fails.
void set_up_network(Child& child) noexcept;
void allow_ping(const Child& child) noexcept; ///< after the maps: the range is checked against them
void make_root(Child& child) noexcept;
void prepare_workspace(Child& child) noexcept;
void make_steps(Child& child) noexcept;
void remount_root_read_only(Child& child) noexcept;
/// Gives the parent a way to look at the root from now on, and waits until it does.
void hand_over_root(const Child& child) noexcept;
void pivot_into_root(Child& child) noexcept;
void open_terminal(Child& child) noexcept;

/// Remembers the mount that `fd` lies on as one made here.
void remember_mount(Child& child, int fd) noexcept;

/// Opens `path` inside the new root, O_PATH, links followed inside it (or refused). What is missing is made:
/// a directory, or an empty file with step_create_file.
/// @return the descriptor, or -1 with errno; *phase is on_host when it would have had to be made on the host
int open_target(const Child& child, const char* path, std::uint32_t behaviour, MountPhase* phase) noexcept;
/// The same without making anything.
int open_existing(const Child& child, const char* path, std::uint32_t behaviour) noexcept;

/// The trees of the steps `workspace` and `view`, detached. @return the descriptor, or -1 with errno
int make_workspace_tree(Child& child, const Step& step, MountPhase* phase) noexcept;
int make_view_tree(Child& child, const Step& step, MountPhase* phase) noexcept;

/// Gives what was just made at `path` below `dir_fd` to root inside, where the plan asks for that.
void give_to_root(const Child& child, int dir_fd, const char* name) noexcept;

/// PR_SET_PDEATHSIG, and the proof that the parent still lived then.
void die_with_parent(const Child& child) noexcept;

/// Credentials, directory, exec. In the process that becomes the command.
[[noreturn]] void become_command(Child& child) noexcept;

/// Pid 1: starts the command, reaps, passes signals on, and exits with the command's status.
[[noreturn]] void run_init(Child& child) noexcept;

} // namespace sandbox
