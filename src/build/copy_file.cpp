// SPDX-License-Identifier: Apache-2.0
// Copies between file systems.
#include "build/copy_file.hpp"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "build/directory.hpp"
#include "build/file_content.hpp"
#include "linux/tree.hpp"

namespace sandbox {

namespace {

/// What a half-placed file is called beside its place, for the moment between two calls.
std::string temporary_name(const std::string& name) {
    return "." + name.substr(0, NAME_MAX - 32) + ".sandbox-" + std::to_string(::getpid());
}

/// rename(2) over whatever stands there.
void rename_into_place(int directory, const std::string& temporary, const std::string& name,
                       const std::string& path) {
    if (::renameat(directory, temporary.c_str(), directory, name.c_str()) == 0) {
        return;
    }
    if (errno == EISDIR) {
        remove_tree(directory, name);
        if (::renameat(directory, temporary.c_str(), directory, name.c_str()) == 0) {
            return;
        }
    }
    const int code = errno;
    (void)::unlinkat(directory, temporary.c_str(), 0);
    throw_errno(code, "put into the workspace", printable(path));
}

/// Bytes [begin, end).
void copy_range(int source, int target, std::int64_t begin, std::int64_t end, const std::string& path,
                const Checkpoint& checkpoint) {
    constexpr std::int64_t step = 16 << 20;
    std::vector<char> buffer;
    while (begin < end) {
        checkpoint();
        const auto size = static_cast<std::size_t>(std::min(step, end - begin));
        loff_t from = begin;
        loff_t to = begin;
        ssize_t copied = -1;
        if (buffer.empty()) {
            copied = ::copy_file_range(source, &from, target, &to, size, 0);
            if (copied < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP)) {
                buffer.resize(1 << 17); // not between these two. copy_file_range(2)
                continue;
            }
        } else {
            copied = ::pread(source, buffer.data(), std::min(buffer.size(), size), begin);
            if (copied > 0) {
                copied = ::pwrite(target, buffer.data(), static_cast<std::size_t>(copied), begin);
            }
        }
        if (check(copied, "copy", printable(path)) == 0) {
            return; // shorter than it was
        }
        begin += copied;
    }
}

void copy_content(int source, int target, const struct stat& status, const std::string& path,
                  const Checkpoint& checkpoint) {
    if (::ioctl(target, FICLONE, source) == 0) {
        return;
    }
    constexpr std::int64_t block = 512; // of st_blocks. stat(3type)
    const std::int64_t size = status.st_size;
    if (status.st_blocks * block >= size) {
        copy_range(source, target, 0, size, path, checkpoint);
        return;
    }
    for (std::int64_t at = 0; at < size;) {
        const std::int64_t data = ::lseek(source, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) {
            break; // a hole up to the end
        }
        const std::int64_t begin = data < 0 ? at : data; // EINVAL: this file system tells no holes
        const std::int64_t hole = data < 0 ? size : ::lseek(source, begin, SEEK_HOLE);
        at = check(hole, "copy", printable(path));
        copy_range(source, target, begin, at, path, checkpoint);
    }
    check(::ftruncate(target, size), "copy", printable(path));
}

/// Where the file system takes them: one without user.* attributes has none of its own either.
void copy_attributes(int source, int target) {
    char names[4096];
    const ssize_t size = ::flistxattr(source, names, sizeof names);
    for (const char* name = names; size > 0 && name < names + size; name += std::strlen(name) + 1) {
        char value[4096];
        const ssize_t length = ::fgetxattr(source, name, value, sizeof value);
        if (std::strncmp(name, "user.", 5) == 0 && length >= 0) {
            (void)::fsetxattr(target, name, value, static_cast<std::size_t>(length), 0);
        }
    }
}

} // namespace

void copy_file(int source, int directory, const std::string& name, const std::string& path,
               const Checkpoint& checkpoint) {
    struct stat status {};
    check(::fstat(source, &status), "look at", printable(path));
    UniqueFd target{::openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    const std::string temporary = temporary_name(name);
    const bool named = !target.valid(); // a file system without O_TMPFILE, as NFS
    if (named) {
        target = UniqueFd{check(
            ::openat(directory, temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600),
            "write", printable(path))};
    }
    const timespec times[] = {status.st_atim, status.st_mtim};
    try {
        copy_content(source, target.get(), status, path, checkpoint);
        copy_attributes(source, target.get());
        check(::fchmod(target.get(), status.st_mode & 0777U), "set the mode of", printable(path));
        check(::futimens(target.get(), times), "set the times of", printable(path));
    } catch (...) { // Error, or Interrupted
        if (named) {
            (void)::unlinkat(directory, temporary.c_str(), 0);
        }
        throw;
    }
    if (!named) {
        const std::string magic = "/proc/self/fd/" + std::to_string(target.get());
        if (::linkat(AT_FDCWD, magic.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
            return;
        }
        (void)::unlinkat(directory, temporary.c_str(), 0); // of a process of our number that was killed
        check(::linkat(AT_FDCWD, magic.c_str(), directory, temporary.c_str(), AT_SYMLINK_FOLLOW),
              "put into the workspace", printable(path));
    }
    rename_into_place(directory, temporary, name, path);
}

void copy_symlink(int source_directory, int directory, const std::string& name, const std::string& path) {
    const std::string link = link_at(source_directory, name, path);
    const std::string temporary = temporary_name(name);
    (void)::unlinkat(directory, temporary.c_str(), 0);
    check(::symlinkat(link.c_str(), directory, temporary.c_str()), "put into the workspace", printable(path));
    rename_into_place(directory, temporary, name, path);
}

bool CopiedLinks::place_again(const Change& output, int workspace, int directory) {
    const auto first = first_.find(output.inode);
    if (first == first_.end()) {
        return false;
    }
    const UniqueFd parent = open_below(workspace, parent_of(first->second));
    const std::string name = name_of(output.path);
    const std::string temporary = temporary_name(name);
    (void)::unlinkat(directory, temporary.c_str(), 0);
    if (::linkat(parent.get(), name_of(first->second).c_str(), directory, temporary.c_str(), 0) < 0) {
        return false; // a file system without links: another copy
    }
    rename_into_place(directory, temporary, name, output.path);
    // Where both were the same file already, rename(2) leaves both.
    (void)::unlinkat(directory, temporary.c_str(), 0);
    return true;
}

} // namespace sandbox
