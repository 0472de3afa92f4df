// SPDX-License-Identifier: Apache-2.0
// overlayfs by the mount API, and by mount(2) where that does not know it well enough.
#include "child/overlay.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>

#include "linux/syscalls.hpp"

namespace sandbox {

int open_directory_at(int dir_fd, const char* path) noexcept {
    return ::openat(dir_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

namespace {

/// Whether directories can be removed and renamed in an overlay that writes here: it marks them with user.*
/// attributes. Without those it would mount, and fail with EIO later. overlayfs.rst, "userxattr".
int check_attributes(int upper) noexcept {
    char path[64];
    (void)std::snprintf(path, sizeof path, "/proc/self/fd/%d", upper);
    return ::getxattr(path, "user.sandbox", nullptr, 0) < 0 && errno != ENODATA ? -1 : 0;
}

int make_directory_at(int at, const char* name) noexcept {
    return ::mkdirat(at, name, 0755) < 0 ? -1 : open_directory_at(at, name);
}

} // namespace

int open_overlay_parts(const char* run_directory, OverlayParts* parts) noexcept {
    const int run = open_directory_at(AT_FDCWD, run_directory);
    *parts = {open_directory_at(run, "upper"), open_directory_at(run, "work")};
    const int code = errno;
    (void)::close(run);
    errno = code;
    return parts->upper < 0 || parts->work < 0 ? -1 : check_attributes(parts->upper);
}

int make_overlay_parts(int tmpfs, OverlayParts* parts) noexcept {
    *parts = {make_directory_at(tmpfs, "upper"), make_directory_at(tmpfs, "work")};
    // tmpfs has user.* attributes from Linux 6.6 on.
    return parts->upper < 0 || parts->work < 0 ? -1 : check_attributes(parts->upper);
}

int copy_root_attributes(int layer, int upper) noexcept {
    struct stat wanted {};
    struct stat have {};
    if (::fstat(layer, &wanted) < 0 || ::fstat(upper, &have) < 0) {
        return -1;
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
    return 0;
}

namespace {

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

int add_writable_parts(int context, const OverlayParts& parts) noexcept {
    char text[64];
    (void)std::snprintf(text, sizeof text, "/proc/self/fd/%d", parts.upper);
    if (::fsconfig(context, FSCONFIG_SET_STRING, "upperdir", text, 0) < 0) {
        return -1;
    }
    (void)std::snprintf(text, sizeof text, "/proc/self/fd/%d", parts.work);
    if (::fsconfig(context, FSCONFIG_SET_STRING, "workdir", text, 0) < 0) {
        return -1;
    }
    // Without it the end of the sandbox would sync the whole file system that the upper lies on.
    return ::fsconfig(context, FSCONFIG_SET_FLAG, "volatile", nullptr, 0);
}

int create_overlay(int context, const OverlayParts& parts) noexcept {
    if ((parts.upper >= 0 && add_writable_parts(context, parts) < 0) ||
        ::fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", nullptr, 0) < 0) {
        return -1;
    }
    return ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
}

/// Before Linux 6.5: mount(2) takes a page of options, and the names of layers may be relative. In
/// /proc/self/fd a descriptor's name is its number, so that 500 of them fit.
int mount_by_numbers(const char* target, const int* layers, std::size_t count,
                     const OverlayParts& parts) noexcept {
    char options[4000];
    int used =
        parts.upper < 0
            ? std::snprintf(options, sizeof options, "userxattr,lowerdir=")
            : std::snprintf(options, sizeof options,
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

} // namespace

int make_overlay_mount(const int* layers, std::size_t count, const OverlayParts& parts,
                       const char* place) noexcept {
    const int context = ::fsopen("overlay", FSOPEN_CLOEXEC);
    if (context < 0) {
        return -1;
    }
    int mount = -1;
    if (add_layers(context, layers, count) == 0 && create_overlay(context, parts) == 0) {
        mount = ::fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
    } else if (errno == EINVAL) {
        // Before 6.5 fsconfig takes any text for overlay, and it is the creation that refuses "lowerdir+".
        mount = mount_by_numbers(place, layers, count, parts);
    }
    const int code = errno;
    (void)::close(context);
    errno = code;
    return mount;
}

} // namespace sandbox
