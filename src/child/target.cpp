// SPDX-License-Identifier: Apache-2.0
// Places inside the new root: found, and made where they are missing, without ever following a link out of
// it.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include "child/child.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

/// As the kernel's own limit on links in one path. path_resolution(7).
constexpr int max_links = 40;

std::uint64_t mount_id(int fd) noexcept {
    struct statx status {};
    return ::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) == 0 ? status.stx_mnt_id : 0;
}

bool is_own_mount(const Child& child, int fd) noexcept {
    const std::uint64_t id = mount_id(fd);
    for (unsigned i = 0; i < child.own_mount_count; ++i) {
        if (child.own_mounts[i] == id) {
            return true;
        }
    }
    return false;
}

/// Splits at the last component; trailing slashes do not count. @return false for the root or a long path
bool split_path(const char* path, char* parent, const char** name, std::size_t* name_length) noexcept {
    std::size_t end = std::strlen(path);
    while (end > 0 && path[end - 1] == '/') {
        --end;
    }
    std::size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') {
        --begin;
    }
    if (begin == end || begin >= PATH_MAX || end - begin > NAME_MAX) {
        errno = begin == end ? EEXIST : ENAMETOOLONG;
        return false;
    }
    std::memcpy(parent, path, begin);
    parent[begin] = '\0';
    if (begin == 0) {
        std::memcpy(parent, "/", 2);
    }
    *name = path + begin;
    *name_length = end - begin;
    return true;
}

int resolve(const Child& child, const char* path, std::uint32_t behaviour) noexcept {
    const std::uint64_t links =
        (behaviour & step_no_symlinks) != 0 ? RESOLVE_NO_SYMLINKS : RESOLVE_NO_MAGICLINKS;
    return sys::openat2(child.root, path, O_PATH, 0, RESOLVE_IN_ROOT | links);
}

int make_at(int parent, const char* name, bool file) noexcept {
    if (!file) {
        return ::mkdirat(parent, name, 0755);
    }
    const int fd = ::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0) {
        (void)::close(fd);
    }
    return fd < 0 ? -1 : 0;
}

int open_or_make(const Child& child, const char* path, std::uint32_t behaviour, int links,
                 MountPhase* phase) noexcept;

/// A link that leads nowhere stands where the target should be made: it is made where the link points.
int follow_dangling(const Child& child, int parent_fd, const char* parent, const char* name,
                    std::uint32_t behaviour, int links, MountPhase* phase) noexcept {
    char link[PATH_MAX];
    const ssize_t length = ::readlinkat(parent_fd, name, link, sizeof link - 1);
    if (length < 0 || links >= max_links) {
        errno = length < 0 ? EEXIST : ELOOP;
        return -1;
    }
    link[length] = '\0';
    if (link[0] == '/') {
        return open_or_make(child, link, behaviour, links + 1, phase);
    }
    char joined[2 * PATH_MAX];
    const std::size_t parent_length = std::strlen(parent);
    std::memcpy(joined, parent, parent_length);
    joined[parent_length] = '/';
    std::memcpy(joined + parent_length + 1, link, static_cast<std::size_t>(length) + 1);
    return open_or_make(child, joined, behaviour, links + 1, phase);
}

int open_or_make(const Child& child, const char* path, std::uint32_t behaviour, int links,
                 MountPhase* phase) noexcept {
    const int found = resolve(child, path, behaviour);
    if (found >= 0 || errno != ENOENT) {
        return found;
    }
    char parent[PATH_MAX];
    const char* last = nullptr;
    std::size_t length = 0;
    if (!split_path(path, parent, &last, &length)) {
        return -1;
    }
    char name[NAME_MAX + 1];
    std::memcpy(name, last, length);
    name[length] = '\0';
    const int parent_fd =
        open_or_make(child, parent, behaviour & ~std::uint32_t{step_create_file}, links, phase);
    if (parent_fd < 0) {
        return -1;
    }
    int result = -1;
    if (!is_own_mount(child, parent_fd)) {
        *phase = MountPhase::on_host;
        errno = ENOENT;
    } else if (make_at(parent_fd, name, (behaviour & step_create_file) != 0) == 0) {
        give_to_root(child, parent_fd, name);
        result = ::openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    } else if (errno == EEXIST && (behaviour & step_no_symlinks) == 0) {
        result = follow_dangling(child, parent_fd, parent, name, behaviour, links, phase);
    }
    const int code = errno;
    (void)::close(parent_fd);
    errno = code;
    return result;
}

/// Takes a link in the last place away, from the sandbox's own layer.
void remove_final_symlink(const Child& child, const char* path) noexcept {
    char parent[PATH_MAX];
    const char* last = nullptr;
    std::size_t length = 0;
    if (!split_path(path, parent, &last, &length)) {
        return;
    }
    const int parent_fd = resolve(child, parent, 0);
    struct stat status {};
    if (parent_fd >= 0 && is_own_mount(child, parent_fd) &&
        ::fstatat(parent_fd, last, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode)) {
        (void)::unlinkat(parent_fd, last, 0); // where it stays, the link is followed as any other
    }
    (void)::close(parent_fd);
}

} // namespace

void remember_mount(Child& child, int fd) noexcept {
    constexpr unsigned room = sizeof child.own_mounts / sizeof child.own_mounts[0];
    if (child.own_mount_count < room) {
        child.own_mounts[child.own_mount_count++] = mount_id(fd);
    }
}

int open_target(const Child& child, const char* path, std::uint32_t behaviour, MountPhase* phase) noexcept {
    *phase = MountPhase::target;
    if ((behaviour & step_replace_symlink) != 0) {
        remove_final_symlink(child, path);
    }
    return open_or_make(child, path, behaviour, 0, phase);
}

int open_existing(const Child& child, const char* path, std::uint32_t behaviour) noexcept {
    return resolve(child, path, behaviour);
}

void give_to_root(const Child& child, int dir_fd, const char* name) noexcept {
    if (child.plan.owns_made_files) {
        // Only looks depend on it: what stays the caller's can be used all the same.
        (void)!::fchownat(dir_fd, name, 0, 0, AT_SYMLINK_NOFOLLOW);
    }
}

} // namespace sandbox
