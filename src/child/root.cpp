// SPDX-License-Identifier: Apache-2.0
// The new root: overlay, fuse-overlayfs or bind, put over the old one, and pivot_root(2).
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "child/child.hpp"
#include "linux/fdpass.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

/// The parts of an overlay as descriptors: paths of the host, with whatever characters, stay out of its
/// options.
struct OverlayParts {
    int upper = -1;
    int work = -1;
};

int open_directory_at(int dir_fd, const char* path) noexcept {
    return ::openat(dir_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int mount_overlay_tmpfs(int at, const char* name) noexcept {
    if (::mkdirat(at, name, 0755) < 0) {
        return -1;
    }
    return open_directory_at(at, name);
}

/// upper and work in the run directory, or on a tmpfs mounted over it.
OverlayParts open_parts(const Child& child) noexcept {
    const RootPlan& root = child.plan.root;
    OverlayParts parts;
    if (!root.upper_on_tmpfs) {
        const int run = open_directory_at(AT_FDCWD, root.run_directory);
        parts = {open_directory_at(run, "upper"), open_directory_at(run, "work")};
        (void)::close(run);
    } else {
        if (::mount("tmpfs", root.run_directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0) {
            fail(child, Stage::root);
        }
        const int tmpfs = open_directory_at(AT_FDCWD, root.run_directory);
        parts = {mount_overlay_tmpfs(tmpfs, "upper"), mount_overlay_tmpfs(tmpfs, "work")};
        // tmpfs has user.* attributes from Linux 6.6 on. Without them the overlay would mount, and later fail
        // to rename or remove directories of the image with EIO. overlayfs.rst, "userxattr".
        char path[64];
        (void)std::snprintf(path, sizeof path, "/proc/self/fd/%d", parts.upper);
        if (::setxattr(path, "user.sandbox", "1", 1, 0) < 0 || ::removexattr(path, "user.sandbox") < 0) {
            fail(child, Stage::root);
        }
        (void)::close(tmpfs);
    }
    if (parts.upper < 0 || parts.work < 0) {
        fail(child, Stage::root);
    }
    return parts;
}

/// The root inside shows the upper's owner and mode: they are made those of the image's own root.
void copy_root_attributes(const Child& child, int layer, int upper) noexcept {
    struct stat wanted {};
    struct stat have {};
    if (::fstat(layer, &wanted) < 0 || ::fstat(upper, &have) < 0) {
        fail(child, Stage::root);
    }
    if (wanted.st_uid != have.st_uid || wanted.st_gid != have.st_gid) {
        (void)!::fchownat(upper, "", wanted.st_uid, wanted.st_gid,
                          AT_EMPTY_PATH); // owners not mapped here stay
    }
    if ((wanted.st_mode & 07777) != (have.st_mode & 07777)) {
        char path[64];
        (void)std::snprintf(path, sizeof path, "/proc/self/fd/%d", upper);
        (void)::chmod(path, wanted.st_mode & 07777);
    }
}

/// The layers one by one: lowerdir+, Linux 6.5. A value of fsconfig(2) ends at 255 bytes.
int add_layers(int context, const int* layers, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        char text[64];
        (void)std::snprintf(text, sizeof text, "/proc/self/fd/%d", layers[i]);
        if (::fsconfig(context, FSCONFIG_SET_STRING, "lowerdir+", text, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

int configure_overlay(int context, const OverlayParts& parts) noexcept {
    char text[64];
    (void)std::snprintf(text, sizeof text, "/proc/self/fd/%d", parts.upper);
    if (::fsconfig(context, FSCONFIG_SET_STRING, "upperdir", text, 0) < 0) {
        return -1;
    }
    (void)std::snprintf(text, sizeof text, "/proc/self/fd/%d", parts.work);
    if (::fsconfig(context, FSCONFIG_SET_STRING, "workdir", text, 0) < 0 ||
        ::fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", nullptr, 0) < 0 ||
        // Without it the end of the sandbox would sync the whole file system that the upper lies on.
        ::fsconfig(context, FSCONFIG_SET_FLAG, "volatile", nullptr, 0) < 0) {
        return -1;
    }
    return ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
}

/// Before Linux 6.5: mount(2) takes a page of options, and the names of layers may be relative. In
/// /proc/self/fd a descriptor's name is its number, so that 500 of them fit.
int mount_by_numbers(const char* target, const int* layers, std::size_t count,
                     const OverlayParts& parts) noexcept {
    char options[4000];
    int used = std::snprintf(options, sizeof options,
                             "userxattr,volatile,upperdir=%d,workdir=%d,lowerdir=", parts.upper, parts.work);
    for (std::size_t i = 0; i < count; ++i) {
        const auto room = sizeof options - static_cast<std::size_t>(used);
        const int length = std::snprintf(options + used, room, i == 0 ? "%d" : ":%d", layers[i]);
        if (length < 0 || static_cast<std::size_t>(length) >= room) {
            errno = E2BIG;
            return -1;
        }
        used += length;
    }
    if (::chdir("/proc/self/fd") < 0 || ::mount("overlay", target, "overlay", MS_NODEV, options) < 0 ||
        ::chdir("/") < 0) {
        return -1;
    }
    return ::open_tree(AT_FDCWD, target, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

int make_overlay(Child& child) noexcept {
    constexpr std::size_t max_layers = 500; // the kernel's own limit on lower layers
    const RootPlan& root = child.plan.root;
    int layers[max_layers] = {};
    if (root.layers.count > max_layers) {
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
    copy_root_attributes(child, layers[0], parts.upper);
    const int context = ::fsopen("overlay", FSOPEN_CLOEXEC);
    if (context < 0) {
        fail(child, Stage::root);
    }
    int mount = -1;
    if (add_layers(context, layers, root.layers.count) == 0 && configure_overlay(context, parts) == 0) {
        mount = ::fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
    } else if (errno == EINVAL) {
        // Before 6.5 fsconfig takes any text for overlay, and it is the creation that refuses "lowerdir+".
        mount = mount_by_numbers(root.run_directory, layers, root.layers.count, parts);
    }
    if (mount < 0) {
        fail(child, Stage::root);
    }
    (void)::close(context);
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
