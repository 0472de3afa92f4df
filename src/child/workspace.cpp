// SPDX-License-Identifier: Apache-2.0
// What `sandbox build` mounts: the workspace through an overlay that hides a part of it, and views of the
// host's directories.
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child/child.hpp"
#include "linux/fdpass.hpp"

namespace sandbox {

namespace {

constexpr const char* empty_name = "empty";

/// The mask as a layer of its own above the workspace. Anybody may make whiteouts, for they are no devices:
/// mknod(2), since Linux 5.8.
int make_mask(const Child& child) noexcept {
    constexpr const char* name = "mask";
    if (::mkdirat(child.scratch, name, 0755) < 0) {
        return -1;
    }
    const int mask = open_directory_at(child.scratch, name);
    for (const MaskEntry& entry : child.plan.workspace.mask) {
        if (entry.directory) {
            // In two steps, whatever the caller's umask.
            if (::mkdirat(mask, entry.path, 0700) < 0 || ::fchmodat(mask, entry.path, entry.mode, 0) < 0) {
                return -1;
            }
        } else if (::mknodat(mask, entry.path, S_IFCHR, 0) < 0) {
            return -1;
        }
    }
    return mask;
}

int open_source(const Step& step, MountPhase* phase) noexcept {
    *phase = MountPhase::source;
    const int source = open_directory_at(AT_FDCWD, step.source);
    struct stat status {};
    if (source < 0 || ::fstat(source, &status) < 0) {
        return -1;
    }
    if (step.source_inode != 0 &&
        (status.st_ino != step.source_inode || status.st_dev != step.source_device)) {
        *phase = MountPhase::changed;
        errno = ESTALE;
        return -1;
    }
    *phase = MountPhase::mount;
    return source;
}

/// An upper directory on a tmpfs goes with this mount namespace, unless somebody holds it.
int hand_over_upper(const Child& child) noexcept {
    const int upper = ::openat(child.scratch, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int result = upper < 0 ? -1 : send_fd(child.channel, upper, tag_upper);
    (void)::close(upper);
    return result;
}

} // namespace

void prepare_workspace(Child& child) noexcept {
    const WorkspacePlan& plan = child.plan.workspace;
    // First what lies in the run directory, then what is mounted over it.
    if (!plan.upper_on_tmpfs && open_overlay_parts(plan.run_directory, &child.workspace) < 0) {
        fail(child, Stage::workspace);
    }
    if (plan.mask.count == 0 && !plan.upper_on_tmpfs && !child.plan.trace.opened_files) {
        return;
    }
    if (::mount("tmpfs", plan.run_directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0) {
        fail(child, Stage::workspace);
    }
    child.scratch = open_directory_at(AT_FDCWD, plan.run_directory);
    if (child.scratch < 0 ||
        (plan.upper_on_tmpfs && make_overlay_parts(child.scratch, &child.workspace) < 0)) {
        fail(child, Stage::workspace);
    }
    if (child.plan.trace.opened_files && ::mkdirat(child.scratch, empty_name, 0755) < 0) {
        fail(child, Stage::workspace);
    }
}

int make_workspace_tree(Child& child, const Step& step, MountPhase* phase) noexcept {
    const WorkspacePlan& plan = child.plan.workspace;
    int layers[2] = {};
    std::size_t count = 0;
    const int source = open_source(step, phase);
    if (source < 0) {
        return -1;
    }
    if (plan.mask.count > 0) {
        layers[count] = make_mask(child);
        if (layers[count++] < 0) {
            return -1;
        }
    }
    layers[count++] = source;
    if (copy_root_attributes(source, child.workspace.upper) < 0) {
        return -1;
    }
    const int tree = make_overlay_mount(layers, count, child.workspace, plan.run_directory);
    if (tree >= 0 && plan.upper_on_tmpfs && hand_over_upper(child) < 0) {
        return -1;
    }
    return tree;
}

int make_view_tree(Child& child, const Step& step, MountPhase* phase) noexcept {
    // An overlay that cannot be written has two lower directories at least: the second is an empty one.
    const int layers[2] = {open_source(step, phase), open_directory_at(child.scratch, empty_name)};
    if (layers[0] < 0 || layers[1] < 0) {
        return -1;
    }
    const int tree = make_overlay_mount(layers, 2, {}, child.plan.workspace.run_directory);
    const int code = errno;
    (void)::close(layers[0]);
    (void)::close(layers[1]);
    errno = code;
    return tree;
}

void hand_over_root(const Child& child) noexcept {
    char go = 0;
    if (send_fd(child.channel, child.root, tag_root) < 0) {
        fail(child, Stage::workspace);
    }
    ssize_t got = 0;
    do {
        got = ::recv(child.channel, &go, 1, 0);
    } while (got < 0 && errno == EINTR);
    if (got != 1 || go != tag_go_on) {
        ::_exit(125); // the parent is gone
    }
}

} // namespace sandbox
