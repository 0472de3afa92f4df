// SPDX-License-Identifier: Apache-2.0
// The Plan: everything the child does after clone, decided beforehand. Flat and trivially copyable; its
// pointers lead into memory that the parent made and that the child has a copy of.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace sandbox {

/// A run of `count` values; the child's stand-in for std::span (which may throw in debug builds).
template <typename Value>
struct Run {
    const Value* values = nullptr;
    std::size_t count = 0;

    [[nodiscard]] const Value* begin() const noexcept { return values; }
    [[nodiscard]] const Value* end() const noexcept { return values + count; }
};

/// How the root comes about.
enum class RootKind : std::uint8_t {
    overlay,      ///< kernel overlayfs of the layers, upper in the run directory or on a tmpfs
    fuse_overlay, ///< the same by fuse-overlayfs, which the parent runs outside
    bind,         ///< a tree as it is
    empty,        ///< a tmpfs, which the steps fill
};

struct RootPlan {
    RootKind kind = RootKind::bind;
    Run<const char*> layers;             ///< host paths, uppermost first; one for `bind`, none for `empty`
    const char* run_directory = nullptr; ///< host path that holds upper/ and work/; null without overlay
    bool upper_on_tmpfs = false;
    bool recursive = false; ///< bind: with the mounts below it
    bool read_only = false; ///< bind: every mount of it
};

/// One mount operation or file made inside the new root, in order.
enum class StepKind : std::uint8_t {
    file_system, ///< a new instance of file system `source` on `target` with `options`
    bind,        ///< the host's `source` on `target`
    bind_inside, ///< the new root's own `source` on `target`
    device, ///< the host's device `source` on `target`, a file made for it in a directory made by an earlier
            ///< step
    directory, ///< mkdir, unless it exists
    file,      ///< a file that holds `source`
    symlink,   ///< `target` points to `source`
    mask,      ///< hides `target`: /dev/null over a file, an empty read-only tmpfs over a directory
    console,   ///< the sandbox's terminal on `target`
    workspace, ///< the overlay that Plan::workspace describes, on `target`
    view,      ///< the host's `source`, read-only through an overlay of its own, on `target`
};

/// Bits of Step::behaviour.
enum StepBehaviour : std::uint32_t {
    step_optional = 1,         ///< what is missing, source or target, is no error
    step_no_symlinks = 2,      ///< a symbolic link anywhere in `target` is an error: CVE-2019-19921 and kin
    step_recursive = 4,        ///< bind: with the mounts below the source
    step_create_file = 8,      ///< a missing target is made as a file, not a directory
    step_replace_symlink = 16, ///< a symbolic link in the target's last place gives way to a file
};

struct Step {
    StepKind kind = StepKind::directory;
    const char* source = nullptr;
    const char* target = nullptr;  ///< absolute, resolved inside the new root
    const char* options = nullptr; ///< file_system: mount(2) data
    std::uint64_t mount_flags = 0; ///< file_system: MS_*; bind*, mask: MOUNT_ATTR_*
    std::uint32_t behaviour = 0;
    std::uint32_t mode = 0; ///< permission bits of what is made
    std::uint64_t source_device =
        0; ///< bind, workspace: what the parent saw at `source`; checked when inode is not 0
    std::uint64_t source_inode = 0;
    const char* option = nullptr; ///< for messages: the user's option behind the step, or null
};

/// What an overlay shows otherwise than its lower directory has it.
struct MaskEntry {
    const char* path = nullptr; ///< relative, parents before what lies in them
    bool directory = false;     ///< a directory, of which some entries are hidden; else: hidden itself
    std::uint32_t mode = 0;     ///< directory: its permission bits
};

/// A directory of the host's seen through an overlay: what is written there goes to a layer that the parent
/// looks through afterwards. The step of kind `workspace` says where it is seen.
struct WorkspacePlan {
    const char* run_directory = nullptr; ///< host path that holds upper/ and work/; null: there is none
    bool upper_on_tmpfs = false;         ///< then the parent is handed the upper directory: tag_upper
    Run<MaskEntry> mask;
};

/// What the parent looks at while the command runs.
struct TracePlan {
    bool opened_files = false; ///< hand over the root, and wait for its word before the command starts
    Run<sock_filter> lookups;  ///< answers SECCOMP_RET_USER_NOTIF to calls that look a path up; empty: none
};

struct NetworkPlan {
    bool loopback = false;                  ///< a namespace of the sandbox's own: bring lo up
    bool tap = false;                       ///< make eth0 and hand it to the parent
    unsigned mtu = 0;                       ///< bytes
    bool ipv6 = true;                       ///< give eth0 an IPv6 address and route
    const char* ping_group_range = nullptr; ///< "FIRST LAST" for net.ipv4.ping_group_range
};

/// Who the command is.
struct CredentialPlan {
    uid_t uid = 0;
    gid_t gid = 0;
    Run<gid_t> groups;              ///< supplementary
    bool set_groups = false;        ///< false where setgroups(2) is denied
    std::uint64_t bounding_set = 0; ///< capabilities root inside has, one bit each; other users have none
};

/// One setrlimit(2).
struct LimitPlan {
    int resource = 0;
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
};

/// What the command is kept from, beyond its credentials.
struct ConfinementPlan {
    bool no_new_privileges = true;
    bool needs_own_keyring = false; ///< nothing but a session keyring of its own keeps the caller's keys away
    Run<sock_filter> filter;        ///< empty: none
    bool reports_calls = false;     ///< the filter tells a listener, which the parent gets
    Run<LimitPlan> limits;
};

struct ProcessPlan {
    Run<const char*> candidates;      ///< absolute paths tried in order, as execvp(3) would
    char* const* arguments = nullptr; ///< argv, null-terminated
    char* const* environment = nullptr;
    const char* directory = nullptr;
    bool makes_directory = false; ///< where it is missing: an image's WorkingDir, not one that the user names
    bool tty = false;
    bool init = true; ///< a reaping pid 1 above the command
    unsigned preserved_fds = 0;
};

struct Plan {
    std::uint64_t clone_flags = 0; ///< CLONE_NEW*, without the time namespace
    bool new_time_namespace = false;
    const char* time_offsets = nullptr; ///< lines for /proc/self/timens_offsets, or null
    const char* own_uid_map = nullptr;  ///< the child writes its single-id maps itself; else the parent does
    const char* own_gid_map = nullptr;
    bool become_root = true;        ///< take id 0 for the set-up: it is the caller (not so with keep-id)
    bool owns_made_files = false;   ///< what is made is given to 0:0 afterwards
    const char* hostname = nullptr; ///< null: the host's is kept
    NetworkPlan network;
    RootPlan root;
    Run<Step> steps;
    WorkspacePlan workspace;
    TracePlan trace;
    bool read_only_root = false;
    bool late_cgroup_namespace =
        false; ///< made when the child is in its own cgroup already, which is its root then
    CredentialPlan credentials;
    ConfinementPlan confinement;
    ProcessPlan process;
};

static_assert(std::is_trivially_copyable_v<Plan> && std::is_trivially_destructible_v<Plan>);
static_assert(std::is_trivially_copyable_v<Step>);

} // namespace sandbox
