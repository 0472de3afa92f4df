// SPDX-License-Identifier: Apache-2.0
// Removal of directory trees. Depth is bounded by moving what lies deep up beside the top: a tree of 100,000
// nested directories must not take 100,000 descriptors or stack frames.
#include "linux/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace sandbox {

namespace {

struct CloseDir {
    void operator()(DIR* stream) const noexcept { (void)::closedir(stream); }
};
using DirStream = std::unique_ptr<DIR, CloseDir>;

constexpr int max_depth = 64;

bool is_dot(const char* name) {
    return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

/// Opens a directory to empty it; one without permission for its owner is given it first.
UniqueFd open_to_empty(int dir_fd, const char* name) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = ::openat(dir_fd, name, flags);
    if (fd < 0 && errno == EACCES && ::fchmodat(dir_fd, name, 0700, 0) == 0) {
        fd = ::openat(dir_fd, name, flags);
    }
    UniqueFd directory{check(fd, "open", name)};
    // Readable is not enough: its entries are looked up, removed, and it may be moved itself (rename(2),
    // "..").
    struct stat status {};
    if (::fstat(directory.get(), &status) == 0 && (status.st_mode & 0700) != 0700) {
        (void)::fchmod(directory.get(), 0700); // where it matters the next call fails
    }
    return directory;
}

class Remover {
  public:
    explicit Remover(int top) : top_(top) {}

    void empty(UniqueFd directory, const std::string& name, int depth) {
        const DirStream stream{::fdopendir(directory.get())};
        if (!stream) {
            throw_errno(errno, "read", name);
        }
        const int dir_fd = directory.release(); // the stream owns it now
        bool writable = false;
        while (const dirent* entry = ::readdir(stream.get())) {
            if (!is_dot(entry->d_name)) {
                remove(dir_fd, entry->d_name, entry->d_type, depth, writable);
            }
        }
    }

  private:
    void remove(int dir_fd, const char* name, unsigned char type, int depth, bool& writable) {
        while (true) {
            if (type != DT_DIR && ::unlinkat(dir_fd, name, 0) == 0) {
                return;
            }
            if (type == DT_DIR || errno == EISDIR) {
                if (::unlinkat(dir_fd, name, AT_REMOVEDIR) == 0) {
                    return;
                }
                if (errno == ENOTEMPTY || errno == EEXIST) {
                    descend(dir_fd, name, depth);
                    type = DT_DIR;
                    continue;
                }
            }
            if (errno == ENOENT) {
                return;
            }
            if (errno != EACCES || writable || ::fchmod(dir_fd, 0700) < 0) {
                throw_errno(errno, "remove", name);
            }
            writable = true;
        }
    }

    void descend(int dir_fd, const char* name, int depth) {
        if (depth >= max_depth) {
            (void)open_to_empty(dir_fd, name); // rename(2) of a directory needs write permission on it
            while (true) {
                const std::string above = ".deep-" + std::to_string(moved_++);
                // The tree may have such names of its own.
                if (::renameat2(dir_fd, name, top_, above.c_str(), RENAME_NOREPLACE) == 0) {
                    return;
                }
                if (errno != EEXIST) {
                    throw_errno(errno, "move up", name);
                }
            }
        }
        empty(open_to_empty(dir_fd, name), name, depth + 1);
    }

    int top_;
    unsigned moved_ = 0;
};

} // namespace

void remove_tree_content(int dir_fd, const std::string& name_for_errors) {
    // What descend() moves up may be passed by the running readdir(3): go round until nothing is left.
    Remover remover{dir_fd};
    do {
        constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
        remover.empty(UniqueFd{check(::openat(dir_fd, ".", flags), "read", name_for_errors)}, name_for_errors,
                      0);
    } while (!is_empty_directory(dir_fd, "."));
}

void remove_tree(int dir_fd, const std::string& name) {
    struct stat status {};
    if (::fstatat(dir_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) {
            return;
        }
        throw_errno(errno, "look at", name);
    }
    if (!S_ISDIR(status.st_mode)) {
        check(::unlinkat(dir_fd, name.c_str(), 0), "remove", name);
        return;
    }
    remove_tree_content(open_to_empty(dir_fd, name.c_str()).get(), name);
    check(::unlinkat(dir_fd, name.c_str(), AT_REMOVEDIR), "remove", name);
}

bool is_empty_directory(int dir_fd, const std::string& name) {
    const UniqueFd directory{
        check(::openat(dir_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open", name)};
    // By getdents64(2): this runs at every start, and readdir(3) takes four calls and 32 kB more.
    alignas(dirent64) char entries[512];
    while (true) {
        const long size =
            check(::syscall(SYS_getdents64, directory.get(), entries, sizeof entries), "read", name);
        if (size == 0) {
            return true;
        }
        for (long at = 0; at < size;) {
            const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
            if (!is_dot(entry->d_name)) {
                return false;
            }
            at += entry->d_reclen;
        }
    }
}

} // namespace sandbox
