// SPDX-License-Identifier: Apache-2.0
// The new root: overlay, fuse-overlayfs, bind or tmpfs, put over the old one, and pivot_root(2).
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "child/child.hpp"
#include "child/overlay.hpp"
#include "linux/fdpass.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

/// upper and work in the run directory, or on a tmpfs mounted over it.
OverlayParts open_parts(const Child& child) noexcept {
    const RootPlan& root = child.plan.root;
    OverlayParts parts;
    if (!root.upper_on_tmpfs) {
        if (open_overlay_parts(root.run_directory, &parts) < 0) {
            fail(child, Stage::root);
        }
        return parts;
    }
    if (::mount("tmpfs", root.run_directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0) {
        fail(child, Stage::root);
    }
    const int tmpfs = open_directory_at(AT_FDCWD, root.run_directory);
    if (make_overlay_parts(tmpfs, &parts) < 0) {
        fail(child, Stage::root);
    }
    (void)::close(tmpfs);
    return parts;
}

int make_overlay(Child& child) noexcept {
    const RootPlan& root = child.plan.root;
    int layers[max_lower_directories] = {};
    if (root.layers.count > max_lower_directories) {
        errno = E2BIG;
        fail(child, Stage::root);
    }
    for (std::size_t i = 0; i < root.layers.count; ++i) {
        layers[i] = open_directory_at(AT_FDCWD, root.layers.values[i]);
        if (layers[i] < 0) {
            fail(child, Stage::root);
        }
    }
    const OverlayParts parts = open_parts(child);
    if (copy_root_attributes(layers[0], parts.upper) < 0) {
        fail(child, Stage::root);
    }
    const int mount = make_overlay_mount(layers, root.layers.count, parts, root.run_directory);
    if (mount < 0) {
        fail(child, Stage::root);
    }
    (void)::close(parts.upper);
    (void)::close(parts.work);
    for (std::size_t i = 0; i < root.layers.count; ++i) {
        (void)::close(layers[i]);
    }
    return mount;
}

/// The parent serves the file system with fuse-overlayfs; calls into it wait until that runs.
int make_fuse_overlay(const Child& child) noexcept {
    const int device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0) {
        fail(child, Stage::root);
    }
    char options[128];
    (void)std::snprintf(options, sizeof options,
                        "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions", device);
    if (::mount("fuse-overlayfs", child.plan.root.run_directory, "fuse.fuse-overlayfs", MS_NODEV, options) <
            0 ||
        send_fd(child.channel, device, tag_fuse) < 0) {
        fail(child, Stage::root);
    }
    (void)::close(device);
    return ::open_tree(AT_FDCWD, child.plan.root.run_directory, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

int make_empty(const Child& child) noexcept {
    const int context = ::fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (context < 0 || ::fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
        ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
        fail(child, Stage::root);
    }
    const int mount = ::fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    (void)::close(context);
    return mount;
}

int make_bind(const Child& child) noexcept {
    const RootPlan& root = child.plan.root;
    const unsigned recursive = root.recursive ? AT_RECURSIVE : 0;
    // Without the mounts below it / cannot be bound: they are locked together. mount_namespaces(7).
    const int tree =
        ::open_tree(AT_FDCWD, root.layers.values[0], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
    if (tree < 0) {
        fail(child, Stage::root);
    }
    mount_attr attributes{};
    attributes.attr_set = root.read_only ? MOUNT_ATTR_RDONLY : 0;
    attributes.attr_set |= MOUNT_ATTR_NODEV;
    if (::mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes) < 0) {
        fail(child, Stage::root);
    }
    return tree;
}

} // namespace

void make_root(Child& child) noexcept {
    switch (child.plan.root.kind) {
        case RootKind::overlay:
            child.root = make_overlay(child);
            break;
        case RootKind::fuse_overlay:
            child.root = make_fuse_overlay(child);
            break;
        case RootKind::bind:
            child.root = make_bind(child);
            break;
        case RootKind::empty:
            child.root = make_empty(child);
            break;
    }
    // Stacked on "/": our own root stays the mount below it, so that paths of the host still lead where they
    // did, and no directory of the host is covered.
    if (child.root < 0 || ::move_mount(child.root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0) {
        fail(child, Stage::root);
    }
    if (!child.plan.root.read_only) {
        remember_mount(child, child.root);
    }
}

void remount_root_read_only(Child& child) noexcept {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(child.root, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
        fail(child, Stage::root);
    }
}

void pivot_into_root(Child& child) noexcept {
    if (::fchdir(child.root) < 0 || sys::pivot_root(".", ".") < 0) {
        fail(child, Stage::pivot);
    }
    // The old root now lies on top of the new one, at the same place. pivot_root(2), NOTES.
    if (::umount2(".", MNT_DETACH) < 0 || ::chdir("/") < 0) {
        fail(child, Stage::pivot);
    }
    (void)::close(child.root);
    child.root = -1;
}

} // namespace sandbox
