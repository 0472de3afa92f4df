// SPDX-License-Identifier: Apache-2.0
// Writes files of every kind below a root directory.
#include "unpack/tree_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "linux/syscalls.hpp"
#include "linux/tree.hpp"
#include "unpack/entry_error.hpp"
#include "unpack/entry_path.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

namespace {

constexpr std::uint64_t beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

UniqueFd open_directory(int root, const std::string& path, std::uint64_t extra) {
    return UniqueFd{sys::openat2(root, path.empty() ? "." : path.c_str(), O_DIRECTORY | extra, 0, beneath)};
}

} // namespace

TreeWriter::TreeWriter(UniqueFd root, bool keep_owners) noexcept
    : root_(std::move(root)), keep_owners_(keep_owners) {}

/// The directory that `path` lies in; valid until the next call.
int TreeWriter::open_parent(const std::string& path) {
    const std::string_view parent = split_path(path).parent;
    if (open_fd_.valid() && open_path_ == parent) {
        return open_fd_.get();
    }
    const std::string wanted{parent};
    UniqueFd fd = open_directory(root_.get(), wanted, O_PATH);
    if (!fd.valid() && errno == ENOENT) {
        make_missing(path, wanted);
        fd = open_directory(root_.get(), wanted, O_PATH);
    }
    open_fd_.reset(check_entry(fd.release(), "open its directory", path));
    open_path_ = wanted;
    return open_fd_.get();
}

void TreeWriter::make_missing(const std::string& path, std::string_view directory) {
    UniqueFd at = open_directory(root_.get(), {}, O_PATH);
    check_entry(at.get(), "open the root", path);
    while (!directory.empty()) {
        const std::string name{directory.substr(0, directory.find('/'))};
        directory.remove_prefix(std::min(name.size() + 1, directory.size()));
        UniqueFd next = open_directory(at.get(), name, O_PATH);
        if (!next.valid() && errno == ENOENT) {
            check_entry(::mkdirat(at.get(), name.c_str(), 0755), "make a directory above it", path);
            next = open_directory(at.get(), name, O_PATH);
        }
        check_entry(next.get(), "open a directory above it", path);
        at = std::move(next);
    }
}

/// Removes what is in the way of a new `leaf`. The parent's descriptor stays good: it lies above.
void TreeWriter::make_way(int parent, const std::string& leaf, const std::string& path) {
    if (::unlinkat(parent, leaf.c_str(), 0) == 0 || errno == ENOENT) {
        return;
    }
    if (errno != EISDIR) {
        throw_entry_error(errno, "replace", path);
    }
    remove_tree(parent, leaf);
}

UniqueFd TreeWriter::make_or_open_directory(const std::string& path) {
    if (path.empty()) {
        return UniqueFd{check_entry(open_directory(root_.get(), {}, O_RDONLY).release(), "open", "/")};
    }
    const int parent = open_parent(path);
    const std::string leaf{split_path(path).leaf};
    if (::mkdirat(parent, leaf.c_str(), 0700) < 0) {
        if (errno != EEXIST) {
            throw_entry_error(errno, "make the directory", path);
        }
        UniqueFd existing = open_directory(parent, leaf, O_RDONLY);
        if (existing.valid()) {
            return existing;
        }
        if (errno != ENOTDIR && errno != ELOOP) {
            throw_entry_error(errno, "open the directory", path);
        }
        make_way(parent, leaf, path);
        check_entry(::mkdirat(parent, leaf.c_str(), 0700), "make the directory", path);
    }
    return UniqueFd{
        check_entry(open_directory(parent, leaf, O_RDONLY).release(), "open the directory", path)};
}

void TreeWriter::make_directory(const std::string& path, const Attributes& attributes) {
    UniqueFd directory = make_or_open_directory(path);
    apply(directory.get(), path, attributes);
    remember_time(path, attributes.modified);
    // What is in it comes next, as a rule.
    open_fd_ = std::move(directory);
    open_path_ = path;
}

void TreeWriter::make_file(const std::string& path, const Attributes& attributes,
                           const std::function<void(int fd)>& write_content) {
    const int parent = open_parent(path);
    const std::string leaf{split_path(path).leaf};
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = ::openat(parent, leaf.c_str(), flags, 0600);
    if (fd < 0 && errno == EEXIST) {
        make_way(parent, leaf, path);
        fd = ::openat(parent, leaf.c_str(), flags, 0600);
    }
    const UniqueFd file{check_entry(fd, "create", path)};
    write_content(file.get());
    apply(file.get(), path, attributes);
    const timespec times[2] = {attributes.modified, attributes.modified};
    check_entry(::futimens(file.get(), times), "set its time", path);
}

void TreeWriter::make_symlink(const std::string& path, const std::string& target,
                              const Attributes& attributes) {
    const int parent = open_parent(path);
    const std::string leaf{split_path(path).leaf};
    int result = ::symlinkat(target.c_str(), parent, leaf.c_str());
    if (result < 0 && errno == EEXIST) {
        make_way(parent, leaf, path);
        result = ::symlinkat(target.c_str(), parent, leaf.c_str());
    }
    check_entry(result, "make the symbolic link", path);
    apply_by_name(parent, leaf, path, attributes);
}

void TreeWriter::make_fifo(const std::string& path, const Attributes& attributes) {
    const int parent = open_parent(path);
    const std::string leaf{split_path(path).leaf};
    int result = ::mkfifoat(parent, leaf.c_str(), 0600);
    if (result < 0 && errno == EEXIST) {
        make_way(parent, leaf, path);
        result = ::mkfifoat(parent, leaf.c_str(), 0600);
    }
    check_entry(result, "make the FIFO", path);
    apply_by_name(parent, leaf, path, attributes);
    // Follows links, as chmod(2) has it; but this is the FIFO just made. After chown, which takes set-id
    // bits.
    check_entry(::fchmodat(parent, leaf.c_str(), attributes.mode, 0), "set its mode", path);
}

void TreeWriter::make_hardlink(const std::string& path, const std::string& existing) {
    const auto refuse = [&](std::string_view why) {
        throw UsageError(shorten(path),
                         "the archive's hard link leads to '" + shorten(existing) + "', " + std::string{why});
    };
    if (existing.empty()) {
        refuse("the root");
    }
    const std::string from_leaf{split_path(existing).leaf};
    const UniqueFd from{open_directory(root_.get(), std::string{split_path(existing).parent}, O_PATH)};
    struct stat there {};
    if (!from.valid() || ::fstatat(from.get(), from_leaf.c_str(), &there, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
            refuse("which does not come before it");
        }
        throw_entry_error(errno, "follow the hard link", path);
    }
    if (S_ISDIR(there.st_mode)) {
        refuse("a directory");
    }
    const int parent = open_parent(path);
    const std::string leaf{split_path(path).leaf};
    // Flags 0: a symbolic link is linked itself, not what it leads to. linkat(2).
    int result = ::linkat(from.get(), from_leaf.c_str(), parent, leaf.c_str(), 0);
    if (result < 0 && errno == EEXIST) {
        struct stat here {};
        if (::fstatat(parent, leaf.c_str(), &here, AT_SYMLINK_NOFOLLOW) == 0 && here.st_dev == there.st_dev &&
            here.st_ino == there.st_ino) {
            return; // a link to itself, or given twice: removing it could remove the only name
        }
        make_way(parent, leaf, path);
        result = ::linkat(from.get(), from_leaf.c_str(), parent, leaf.c_str(), 0);
    }
    check_entry(result, "make the hard link", path);
}

/// Owner, mode, extended attributes: in this order, since chown(2) takes away set-id bits and capabilities.
void TreeWriter::apply(int fd, const std::string& path, const Attributes& attributes) const {
    if (keep_owners_) {
        check_entry(::fchown(fd, attributes.owner, attributes.group), "set its owner", path);
    }
    check_entry(::fchmod(fd, attributes.mode), "set its mode", path);
    for (const auto& [name, value] : attributes.extended) {
        const int result = ::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0);
        // Not every filesystem has them (tmpfs has no user.* before Linux 6.6), and tar(1) goes on as well.
        if (result < 0 && errno != ENOTSUP) {
            // ENOSPC here may mean that the value is too large for the filesystem: no hint then. setxattr(2)
            throw_errno(errno, "set the extended attribute " + shorten(name), shorten(path));
        }
    }
}

/// As apply(), for what cannot be opened: symbolic links have no mode, FIFOs get theirs later.
void TreeWriter::apply_by_name(int parent, const std::string& leaf, const std::string& path,
                               const Attributes& attributes) const {
    if (keep_owners_) {
        check_entry(::fchownat(parent, leaf.c_str(), attributes.owner, attributes.group, AT_SYMLINK_NOFOLLOW),
                    "set its owner", path);
    }
    const timespec times[2] = {attributes.modified, attributes.modified};
    check_entry(::utimensat(parent, leaf.c_str(), times, AT_SYMLINK_NOFOLLOW), "set its time", path);
}

void TreeWriter::remember_time(const std::string& path, timespec modified) {
    if (directory_times_.insert_or_assign(path, modified).second) {
        directory_name_bytes_ += path.size();
        if (directory_times_.size() > limits::directories ||
            directory_name_bytes_ > limits::directory_name_bytes) {
            throw UsageError(shorten(path), "the archive has more than " +
                                                std::to_string(limits::directories) +
                                                " directories, or too long names for them");
        }
    }
}

void TreeWriter::finish() {
    open_fd_.reset();
    for (const auto& [path, modified] : directory_times_) {
        const UniqueFd directory = open_directory(root_.get(), path, O_RDONLY);
        if (!directory.valid()) {
            if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
                continue; // a later entry has taken its place, or that of a directory above
            }
            throw_entry_error(errno, "open the directory", path);
        }
        const timespec times[2] = {modified, modified};
        check_entry(::futimens(directory.get(), times), "set its time", path);
    }
}

} // namespace sandbox::unpack
