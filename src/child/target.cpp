// SPDX-License-Identifier: Apache-2.0
// Places inside the new root: found, and made where they are missing, without ever following a link out of
// it.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
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

bool copy_name(char (&name)[NAME_MAX + 1], const char* from) noexcept {
    const std::size_t length = std::strlen(from);
    if (length > NAME_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    std::memcpy(name, from, length + 1);
    return true;
}

/// Where the last component begins, trailing slashes cut off. @return nullptr for the root
char* last_component(char* path) noexcept {
    std::size_t end = std::strlen(path);
    while (end > 0 && path[end - 1] == '/') {
        path[--end] = '\0';
    }
    while (end > 0 && path[end - 1] != '/') {
        --end;
    }
    return path[end] == '\0' ? nullptr : path + end;
}

bool copy_path(char (&copy)[PATH_MAX], const char* path) noexcept {
    const std::size_t size = std::strlen(path) + 1;
    if (size > sizeof copy) {
        errno = ENAMETOOLONG;
        return false;
    }
    std::memcpy(copy, path, size);
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

int open_or_make(const Child& child, char* path, std::uint32_t behaviour, int links,
                 MountPhase* phase) noexcept;

/// A link that leads nowhere stands where the target should be made: it is made where the link points.
[[gnu::noinline]] int follow_dangling(const Child& child, int parent_fd, const char* parent, const char* name,
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
    char joined[PATH_MAX];
    const int size = std::snprintf(joined, sizeof joined, "%s/%s", parent, link);
    if (size < 0 || static_cast<std::size_t>(size) >= sizeof joined) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open_or_make(child, joined, behaviour, links + 1, phase);
}

/// Makes what is missing in `path`, the last component last. The path is cut at each component and put
/// together again: a frame of this recursion must stay small, for a path has up to 2,048 components.
int make_target(const Child& child, char* path, std::uint32_t behaviour, int links,
                MountPhase* phase) noexcept {
    char* const last = last_component(path);
    if (last == nullptr) {
        errno = EEXIST;
        return -1;
    }
    char name[NAME_MAX + 1];
    if (!copy_name(name, last)) {
        return -1;
    }
    *last = '\0';
    const int parent = open_or_make(child, path[0] == '\0' ? const_cast<char*>("/") : path,
                                    behaviour & ~std::uint32_t{step_create_file}, links, phase);
    if (parent < 0) {
        return -1;
    }
    int result = -1;
    if (!is_own_mount(child, parent)) {
        *phase = MountPhase::on_host;
        errno = ENOENT;
    } else if (make_at(parent, name, (behaviour & step_create_file) != 0) == 0) {
        give_to_root(child, parent, name);
        result = ::openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    } else if (errno == EEXIST && (behaviour & step_no_symlinks) == 0) {
        result = follow_dangling(child, parent, path, name, behaviour, links, phase);
    }
    const int code = errno;
    (void)::close(parent);
    errno = code;
    return result;
}

int open_or_make(const Child& child, char* path, std::uint32_t behaviour, int links,
                 MountPhase* phase) noexcept {
    const int found = resolve(child, path, behaviour);
    return found >= 0 || errno != ENOENT ? found : make_target(child, path, behaviour, links, phase);
}

/// In a frame of its own: what is there already, the usual case, is found without touching that much stack.
[[gnu::noinline]] int make_missing(const Child& child, const char* path, std::uint32_t behaviour,
                                   MountPhase* phase) noexcept {
    char copy[PATH_MAX];
    return copy_path(copy, path) ? make_target(child, copy, behaviour, 0, phase) : -1;
}

/// Takes a link in the last place away, from the sandbox's own layer.
void remove_final_symlink(const Child& child, const char* path) noexcept {
    char copy[PATH_MAX];
    char* const last = copy_path(copy, path) ? last_component(copy) : nullptr;
    if (last == nullptr || last == copy) {
        return;
    }
    char name[NAME_MAX + 1];
    if (!copy_name(name, last)) {
        return;
    }
    *last = '\0';
    const int parent = resolve(child, copy, 0);
    struct stat status {};
    if (parent >= 0 && is_own_mount(child, parent) &&
        ::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode)) {
        (void)::unlinkat(parent, name, 0); // where it stays, the link is followed as any other
    }
    (void)::close(parent);
}

} // namespace

void remember_mount(Child& child, int fd) noexcept {
    constexpr unsigned room = sizeof child.own_mounts / sizeof child.own_mounts[0];
    const std::uint64_t id = mount_id(fd);
    if (id != 0 && child.own_mount_count < room) {
        child.own_mounts[child.own_mount_count++] = id;
    }
}

int open_target(const Child& child, const char* path, std::uint32_t behaviour, MountPhase* phase) noexcept {
    *phase = MountPhase::target;
    if ((behaviour & step_replace_symlink) != 0) {
        remove_final_symlink(child, path);
    }
    const int found = resolve(child, path, behaviour);
    return found >= 0 || errno != ENOENT ? found : make_missing(child, path, behaviour, phase);
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
