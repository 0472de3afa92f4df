// SPDX-License-Identifier: Apache-2.0
// Writes files of every kind below a root directory.
#include "unpack/tree_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/error.hpp"
#include "linux/syscalls.hpp"
#include "linux/tree.hpp"
#include "unpack/entry_error.hpp"
#include "unpack/entry_path.hpp"
#include "unpack/limits.hpp"
#include "unpack/write_content.hpp"

namespace sandbox::unpack {

namespace {

constexpr std::uint64_t beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

/// Descriptors of open directories at most; real trees are not deeper.
constexpr std::size_t most_open = 40;

/// In place of a time: that of a directory which no entry names.
constexpr timespec unnamed{0, -1};

bool is_later(const timespec& a, const timespec& b) {
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

UniqueFd open_directory(int root, const std::string& path, std::uint64_t extra) {
    return UniqueFd{sys::openat2(root, path.empty() ? "." : path.c_str(), O_DIRECTORY | extra, 0, beneath)};
}

} // namespace

TreeWriter::TreeWriter(UniqueFd root, bool keep_owners) : root_(std::move(root)), keep_owners_(keep_owners) {
    // What a default ACL on the store's own directory gives to files made in it is none of the image's.
    // acl(5)
    const UniqueFd directory = open_directory(root_.get(), {}, O_RDONLY);
    check_entry(directory.get(), "open", "/");
    if (::fremovexattr(directory.get(), "system.posix_acl_default") < 0 && errno != ENODATA &&
        errno != ENOTSUP) {
        throw_entry_error(errno, "remove the default ACL of", "/");
    }
    remember_time({}, unnamed);
}

/// Closes the open directories that are not `directory` or above it.
void TreeWriter::leave_all_but(std::string_view directory) {
    const auto is_above = [directory](const std::string& path) {
        return path.empty() || (directory.starts_with(path) &&
                                (directory.size() == path.size() || directory[path.size()] == '/'));
    };
    while (!open_.empty() && !is_above(open_.back().path)) {
        open_.pop_back();
    }
}

void TreeWriter::keep_open(std::string path, UniqueFd fd) {
    struct stat status {};
    check_entry(::fstat(fd.get(), &status), "look at the directory", path);
    if (open_.size() == most_open) {
        open_.erase(open_.begin());
    }
    open_.push_back({std::move(path), std::move(fd), (status.st_mode & S_ISGID) != 0});
}

/// The directory that `path` lies in; valid until the next call. None below it is open from here on, so that
/// what is made in it may take the place of any.
const TreeWriter::OpenDirectory& TreeWriter::open_parent(const std::string& path) {
    const std::string_view parent = split_path(path).parent;
    leave_all_but(parent);
    if (open_.empty() || open_.back().path != parent) {
        const std::string wanted{parent};
        UniqueFd fd = open_directory(root_.get(), wanted, O_PATH);
        if (!fd.valid() && errno == ENOENT) {
            make_missing(path, wanted);
            fd = open_directory(root_.get(), wanted, O_PATH);
        }
        check_entry(fd.get(), "open its directory", path);
        keep_open(wanted, std::move(fd));
    }
    return open_.back();
}

void TreeWriter::make_missing(const std::string& path, std::string_view directory) {
    UniqueFd at = open_directory(root_.get(), {}, O_PATH);
    check_entry(at.get(), "open the root", path);
    for (std::size_t end = 0; end < directory.size(); ++end) {
        const std::size_t begin = end;
        end = std::min(directory.find('/', begin), directory.size());
        const std::string name{directory.substr(begin, end - begin)};
        UniqueFd next = open_directory(at.get(), name, O_PATH);
        if (!next.valid() && errno == ENOENT) {
            check_entry(::mkdirat(at.get(), name.c_str(), 0755), "make a directory above it", path);
            remember_time(std::string{directory.substr(0, end)}, unnamed);
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

TreeWriter::Born TreeWriter::born_in(const OpenDirectory& parent, mode_t mode) const noexcept {
    // Set-id bits come after the content and the owner, both of which take them away. chown(2), write(2)
    return {!parent.gives_group, mode & ~static_cast<mode_t>(S_ISUID | S_ISGID)};
}

/// @param born set to what a new directory has; one that was there before has nothing of what is wanted
UniqueFd TreeWriter::make_or_open_directory(const std::string& path, mode_t mode, Born& born) {
    born = {false, static_cast<mode_t>(-1)};
    if (path.empty()) {
        leave_all_but(path);
        return UniqueFd{check_entry(open_directory(root_.get(), {}, O_RDONLY).release(), "open", "/")};
    }
    const OpenDirectory& parent = open_parent(path);
    const int at = parent.fd.get();
    const std::string leaf{split_path(path).leaf};
    if (::mkdirat(at, leaf.c_str(), mode & 01777) < 0) {
        if (errno != EEXIST) {
            throw_entry_error(errno, "make the directory", path);
        }
        UniqueFd existing = open_directory(at, leaf, O_RDONLY);
        if (existing.valid()) {
            return existing;
        }
        if (errno != ENOTDIR && errno != ELOOP) {
            throw_entry_error(errno, "open the directory", path);
        }
        make_way(at, leaf, path);
        check_entry(::mkdirat(at, leaf.c_str(), mode & 01777), "make the directory", path);
    }
    born = born_in(parent, mode);
    if (parent.gives_group) {
        born.mode |= S_ISGID; // handed down. mkdir(2)
    }
    return UniqueFd{check_entry(open_directory(at, leaf, O_RDONLY).release(), "open the directory", path)};
}

void TreeWriter::make_directory(const std::string& path, const Attributes& attributes) {
    Born born;
    UniqueFd directory = make_or_open_directory(path, attributes.mode, born);
    apply(directory.get(), path, attributes, born);
    remember_time(path, attributes.modified);
    // What is in it comes next, as a rule.
    if (path.empty()) {
        open_.clear();
    }
    leave_all_but(split_path(path).parent);
    keep_open(path, std::move(directory));
}

UniqueFd TreeWriter::create_file(const std::string& path, mode_t mode, Born& born) {
    const OpenDirectory& parent = open_parent(path);
    const int at = parent.fd.get();
    born = born_in(parent, mode);
    const std::string leaf{split_path(path).leaf};
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = ::openat(at, leaf.c_str(), flags, born.mode);
    if (fd < 0 && errno == EEXIST) {
        make_way(at, leaf, path);
        fd = ::openat(at, leaf.c_str(), flags, born.mode);
    }
    return UniqueFd{check_entry(fd, "create", path)};
}

void TreeWriter::complete(int fd, const std::string& path, const Attributes& attributes,
                          const Born& born) const {
    apply(fd, path, attributes, born);
    const timespec times[2] = {attributes.modified, attributes.modified};
    check_entry(::futimens(fd, times), "set its time", path);
}

void TreeWriter::make_file(const std::string& path, const Attributes& attributes,
                           const std::function<void(int fd)>& write_content) {
    Born born;
    const UniqueFd file = create_file(path, attributes.mode, born);
    write_content(file.get());
    complete(file.get(), path, attributes, born);
    note_time(attributes.modified);
}

void TreeWriter::make_small_file(const std::string& path, const Attributes& attributes,
                                 SmallContent content) {
    Born born;
    // std::function is copied, so what it owns must be as well.
    auto file = std::make_shared<UniqueFd>(create_file(path, attributes.mode, born));
    note_time(attributes.modified);
    const std::size_t size = content.size;
    small_files_.put(
        size, [this, path, attributes, born, file = std::move(file), content = std::move(content)] {
            const std::string_view bytes{content.bytes.get(), content.size};
            if (bytes.size() >= limits::hole_bytes && is_zeros(bytes)) {
                check_entry(::ftruncate(file->get(), static_cast<off_t>(bytes.size())), "set its size", path);
            } else {
                write_at(file->get(), bytes, 0, path);
            }
            complete(file->get(), path, attributes, born);
        });
}

void TreeWriter::make_symlink(const std::string& path, const std::string& target,
                              const Attributes& attributes) {
    const OpenDirectory& parent = open_parent(path);
    const int at = parent.fd.get();
    const std::string leaf{split_path(path).leaf};
    int result = ::symlinkat(target.c_str(), at, leaf.c_str());
    if (result < 0 && errno == EEXIST) {
        make_way(at, leaf, path);
        result = ::symlinkat(target.c_str(), at, leaf.c_str());
    }
    check_entry(result, "make the symbolic link", path);
    apply_by_name(parent, leaf, path, attributes);
}

void TreeWriter::make_fifo(const std::string& path, const Attributes& attributes) {
    const OpenDirectory& parent = open_parent(path);
    const int at = parent.fd.get();
    const std::string leaf{split_path(path).leaf};
    int result = ::mkfifoat(at, leaf.c_str(), 0600);
    if (result < 0 && errno == EEXIST) {
        make_way(at, leaf, path);
        result = ::mkfifoat(at, leaf.c_str(), 0600);
    }
    check_entry(result, "make the FIFO", path);
    apply_by_name(parent, leaf, path, attributes);
    // Follows links, as chmod(2) has it; but this is the FIFO just made. After chown, which takes set-id
    // bits.
    check_entry(::fchmodat(at, leaf.c_str(), attributes.mode, 0), "set its mode", path);
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
    const int parent = open_parent(path).fd.get();
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
void TreeWriter::apply(int fd, const std::string& path, const Attributes& attributes,
                       const Born& born) const {
    if (keep_owners_ && !(born.owned && attributes.owner == 0 && attributes.group == 0)) {
        check_entry(::fchown(fd, attributes.owner, attributes.group), "set its owner", path);
    }
    if (born.mode != attributes.mode) {
        check_entry(::fchmod(fd, attributes.mode), "set its mode", path);
    }
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
void TreeWriter::apply_by_name(const OpenDirectory& parent, const std::string& leaf, const std::string& path,
                               const Attributes& attributes) const {
    const int at = parent.fd.get();
    if (keep_owners_ && (parent.gives_group || attributes.owner != 0 || attributes.group != 0)) {
        check_entry(::fchownat(at, leaf.c_str(), attributes.owner, attributes.group, AT_SYMLINK_NOFOLLOW),
                    "set its owner", path);
    }
    const timespec times[2] = {attributes.modified, attributes.modified};
    check_entry(::utimensat(at, leaf.c_str(), times, AT_SYMLINK_NOFOLLOW), "set its time", path);
}

void TreeWriter::remember_time(const std::string& path, timespec modified) {
    note_time(modified);
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

void TreeWriter::note_time(timespec modified) noexcept {
    if (is_later(modified, newest_)) {
        newest_ = modified;
    }
}

void TreeWriter::finish() {
    settle();
    open_.clear();
    for (const auto& [path, remembered] : directory_times_) {
        const timespec modified = remembered.tv_nsec == unnamed.tv_nsec ? newest_ : remembered;
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
