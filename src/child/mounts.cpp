// SPDX-License-Identifier: Apache-2.0
// The plan's steps: mounts and files inside the new root, in order.
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "child/child.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

/// One step under way: where it fails is in `phase`.
struct StepRun {
    Child& child;
    const Step& step;
    MountPhase phase = MountPhase::mount;
};

/// mount(2) on what a descriptor names: the path behind it cannot change meanwhile.
int mount_on(int target, const Step& step) noexcept {
    char path[64];
    (void)std::snprintf(path, sizeof path, "/proc/self/fd/%d", target);
    return ::mount(step.source, path, step.source, step.mount_flags, step.options);
}

int make_file_system(StepRun& run) noexcept {
    const int target = open_target(run.child, run.step.target, run.step.behaviour, &run.phase);
    if (target < 0) {
        return -1;
    }
    run.phase = MountPhase::mount;
    const int result = mount_on(target, run.step);
    (void)::close(target);
    // On a tmpfs mount points of the user's may be made.
    if (result == 0 && std::strcmp(run.step.source, "tmpfs") == 0) {
        const int top = open_existing(run.child, run.step.target, run.step.behaviour);
        remember_mount(run.child, top);
        (void)::close(top);
    }
    return result;
}

int set_attributes(int tree, const Step& step) noexcept {
    if (step.mount_flags == 0) {
        return 0;
    }
    mount_attr attributes{};
    attributes.attr_set = step.mount_flags;
    const unsigned recursive = (step.behaviour & step_recursive) != 0 ? AT_RECURSIVE : 0;
    return ::mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes);
}

/// Puts a detached tree on the step's target.
int attach(StepRun& run, int tree) noexcept {
    if (set_attributes(tree, run.step) < 0) {
        return -1;
    }
    struct stat status {};
    if (::fstat(tree, &status) < 0) {
        return -1;
    }
    const std::uint32_t kind = S_ISDIR(status.st_mode) ? 0 : std::uint32_t{step_create_file};
    const std::uint32_t behaviour = (run.step.behaviour & ~std::uint32_t{step_create_file}) | kind;
    const int target = open_target(run.child, run.step.target, behaviour, &run.phase);
    if (target < 0) {
        return -1;
    }
    run.phase = MountPhase::mount;
    const int result = ::move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    const int code = errno;
    (void)::close(target);
    errno = code;
    return result;
}

int clone_tree(int dir_fd, const char* path, unsigned extra) noexcept {
    return ::open_tree(dir_fd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | extra);
}

int make_bind(StepRun& run) noexcept {
    run.phase = MountPhase::source;
    const unsigned recursive = (run.step.behaviour & step_recursive) != 0 ? AT_RECURSIVE : 0;
    const int tree = clone_tree(AT_FDCWD, run.step.source, recursive);
    if (tree < 0) {
        return -1;
    }
    if (run.step.source_inode != 0) {
        // The path was looked at before clone; someone may have put another thing there since.
        struct stat status {};
        if (::fstat(tree, &status) < 0 || status.st_ino != run.step.source_inode ||
            status.st_dev != run.step.source_device) {
            run.phase = MountPhase::changed;
            errno = ESTALE;
            return -1;
        }
    }
    const int result = attach(run, tree);
    (void)::close(tree);
    return result;
}

/// The workspace's overlay, or a view: both are trees that were made a moment ago.
int make_overlay_step(StepRun& run) noexcept {
    const int tree = run.step.kind == StepKind::workspace
                         ? make_workspace_tree(run.child, run.step, &run.phase)
                         : make_view_tree(run.child, run.step, &run.phase);
    if (tree < 0) {
        return -1;
    }
    const int result = attach(run, tree);
    if (result == 0 && run.step.kind == StepKind::workspace) {
        remember_mount(run.child, tree);
    }
    (void)::close(tree);
    return result;
}

int make_bind_inside(StepRun& run) noexcept {
    run.phase = MountPhase::source;
    const int source = open_existing(run.child, run.step.source, step_no_symlinks);
    if (source < 0) {
        return -1;
    }
    const int tree = clone_tree(source, "", 0);
    (void)::close(source);
    if (tree < 0) {
        return -1;
    }
    const int result = attach(run, tree);
    if (result == 0) {
        remember_mount(run.child, tree);
    }
    (void)::close(tree);
    return result;
}

/// Hides what is at the target; what is not there needs no hiding.
int make_mask(StepRun& run) noexcept {
    const int target = open_existing(run.child, run.step.target, step_no_symlinks);
    struct stat status {};
    if (target < 0 || ::fstat(target, &status) < 0) {
        return 0;
    }
    int result = 0;
    if (S_ISDIR(status.st_mode)) {
        Step empty = run.step;
        empty.source = "tmpfs";
        empty.options = "size=0,nr_inodes=2,mode=0555";
        empty.mount_flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
        result = mount_on(target, empty);
    } else {
        // The host's: the root's own may have been covered by a mount of the user's.
        const int tree = clone_tree(AT_FDCWD, "/dev/null", 0);
        result = tree < 0
                     ? -1
                     : ::move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
        (void)::close(tree);
    }
    (void)::close(target);
    return result;
}

/// Directory and name of a path the plan made up itself: no trailing slash, never the root.
int open_parent(StepRun& run, const char** name) noexcept {
    run.phase = MountPhase::target;
    const char* slash = std::strrchr(run.step.target, '/');
    char parent[256];
    const auto length = static_cast<std::size_t>(slash - run.step.target);
    if (length >= sizeof parent) {
        errno = ENAMETOOLONG;
        return -1;
    }
    std::memcpy(parent, run.step.target, length);
    parent[length] = '\0';
    *name = slash + 1;
    return open_existing(run.child, length == 0 ? "/" : parent, run.step.behaviour);
}

/// As make_bind, on a file made here: nobody else has been in that directory, so nothing need be looked for.
int make_device(StepRun& run) noexcept {
    const char* name = nullptr;
    const int parent = open_parent(run, &name);
    run.phase = MountPhase::source;
    const int tree = clone_tree(AT_FDCWD, run.step.source, 0);
    if (parent < 0 || tree < 0) {
        return -1;
    }
    run.phase = MountPhase::mount;
    const int place = ::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    const int result = ::move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    const int code = errno;
    (void)::close(place);
    (void)::close(tree);
    (void)::close(parent);
    errno = code;
    return result;
}

int make_directory(StepRun& run) noexcept {
    const char* name = nullptr;
    const int parent = open_parent(run, &name);
    if (parent < 0) {
        return -1;
    }
    int result = ::mkdirat(parent, name, run.step.mode);
    if (result == 0) {
        // Whatever the caller's umask.
        result = ::fchmodat(parent, name, run.step.mode, 0);
        give_to_root(run.child, parent, name);
    } else if (errno == EEXIST) {
        result = 0;
    }
    (void)::close(parent);
    return result;
}

int make_file(StepRun& run) noexcept {
    const char* name = nullptr;
    const int parent = open_parent(run, &name);
    const int file = parent < 0 ? -1
                                : ::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                           run.step.mode);
    if (file < 0) {
        return -1;
    }
    const std::size_t size = std::strlen(run.step.source);
    const ssize_t put = ::write(file, run.step.source, size);
    const int mode_set = ::fchmod(file, run.step.mode);
    give_to_root(run.child, parent, name);
    (void)::close(file);
    (void)::close(parent);
    return put == static_cast<ssize_t>(size) ? mode_set : -1;
}

int make_symlink(StepRun& run) noexcept {
    const char* name = nullptr;
    const int parent = open_parent(run, &name);
    const int result = parent < 0 ? -1 : ::symlinkat(run.step.source, parent, name);
    (void)::close(parent);
    return result;
}

int make_console(StepRun& run) noexcept {
    const int tree = clone_tree(run.child.terminal, "", 0);
    if (tree < 0) {
        return -1;
    }
    const int result = attach(run, tree);
    (void)::close(tree);
    return result;
}

int make_step(StepRun& run) noexcept {
    switch (run.step.kind) {
        case StepKind::file_system:
            return make_file_system(run);
        case StepKind::bind:
            return make_bind(run);
        case StepKind::bind_inside:
            return make_bind_inside(run);
        case StepKind::device:
            return make_device(run);
        case StepKind::directory:
            return make_directory(run);
        case StepKind::file:
            return make_file(run);
        case StepKind::symlink:
            return make_symlink(run);
        case StepKind::mask:
            return make_mask(run);
        case StepKind::console:
            return make_console(run);
        case StepKind::workspace:
        case StepKind::view:
            return make_overlay_step(run);
    }
    errno = EINVAL;
    return -1;
}

bool may_be_missing(const StepRun& run) noexcept {
    return (run.step.behaviour & step_optional) != 0 &&
           (errno == ENOENT || errno == ENOTDIR || errno == ENODEV || errno == EROFS);
}

} // namespace

void make_steps(Child& child) noexcept {
    std::uint32_t number = 0;
    for (const Step& step : child.plan.steps) {
        if (step.kind == StepKind::console) {
            open_terminal(child);
        }
        StepRun run{child, step};
        if (make_step(run) < 0 && !may_be_missing(run)) {
            const bool of_workspace = step.kind == StepKind::workspace && run.phase == MountPhase::mount;
            fail(child, of_workspace ? Stage::workspace : Stage::step, number, run.phase);
        }
        ++number;
    }
}

} // namespace sandbox
