// SPDX-License-Identifier: Apache-2.0
// A walk over an upper directory.
#include "build/changes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "build/directory.hpp"
#include "build/file_content.hpp"
#include "linux/own_file.hpp"

namespace sandbox {

namespace {

bool is_opaque(int directory) {
    char value = 0;
    return ::fgetxattr(directory, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/// The status of what a name stands for, if it is there.
using Status = std::optional<struct stat>;

Status status_at(const UniqueFd& directory, const std::string& name) {
    struct stat status {};
    return directory.valid() && ::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0
               ? Status{status}
               : std::nullopt;
}

bool has_same_status(const struct stat& now, const struct stat& before) {
    return now.st_mode == before.st_mode && now.st_size == before.st_size &&
           now.st_mtim.tv_sec == before.st_mtim.tv_sec && now.st_mtim.tv_nsec == before.st_mtim.tv_nsec;
}

class Reader {
  public:
    explicit Reader(const BuiltTree& tree) : tree_(tree) {}

    /// @param lower whether what the workspace has in the directory is still seen in it
    void read(const std::string& directory, bool lower) {
        const Sides at{open_below(tree_.upper, directory), open_below_if_exists(tree_.workspace, directory)};
        for (const std::string& name : names_in(at.upper.get(), directory)) {
            tree_.checkpoint();
            const std::string path = joined(directory, name);
            const Status now = status_at(at.upper, name);
            if (!now) {
                throw_errno(errno, "look at", printable(path));
            }
            Status before = status_at(at.workspace, name);
            if (before && !tree_.shown.shows(path, S_ISDIR(before->st_mode))) {
                before.reset();
            }
            add(at, path, *now, before, lower);
        }
    }

    std::vector<Change> take() {
        for (Change& change : changes_) {
            if (change.kind == ChangeKind::file) {
                change.other_names -= names_[change.inode];
            }
        }
        return std::move(changes_);
    }

  private:
    /// A directory as the build left it, and in the workspace, where it may not be.
    struct Sides {
        UniqueFd upper;
        UniqueFd workspace;
    };

    void add(const Sides& at, const std::string& path, const struct stat& now, const Status& before,
             bool lower) {
        Change change;
        change.path = path;
        change.mode = now.st_mode & 07777U;
        change.size = static_cast<std::uint64_t>(now.st_size);
        change.inode = now.st_ino;
        change.other_names = S_ISREG(now.st_mode) ? now.st_nlink : 0;
        if (is_whiteout(now)) {
            change.kind = ChangeKind::removed;
            if (before) { // made and removed by the build: nobody will miss it
                changes_.push_back(std::move(change));
            }
        } else if (S_ISDIR(now.st_mode)) {
            if ((now.st_mode & S_IRWXU) != S_IRWXU) {
                check(::fchmodat(at.upper.get(), name_of(path).c_str(), change.mode | S_IRWXU, 0), "open",
                      printable(path));
            }
            add_directory(std::move(change), before, lower);
        } else if (S_ISREG(now.st_mode) || S_ISLNK(now.st_mode)) {
            change.kind = S_ISREG(now.st_mode) ? ChangeKind::file : ChangeKind::symlink;
            ++names_[now.st_ino];
            if (!before || !has_same_status(now, *before) || !is_same(at, change)) {
                changes_.push_back(std::move(change));
            }
        } else {
            change.kind = ChangeKind::special;
            changes_.push_back(std::move(change));
        }
    }

    void add_directory(Change change, const Status& before, bool lower) {
        change.kind = ChangeKind::directory;
        change.was_there = before && S_ISDIR(before->st_mode);
        change.hides_lower =
            !lower || !change.was_there || is_opaque(open_below(tree_.upper, change.path).get());
        const bool only_holds =
            change.was_there && !change.hides_lower && change.mode == (before->st_mode & 07777U);
        const std::string path = change.path;
        const bool lower_of_it = !change.hides_lower;
        if (!only_holds) {
            changes_.push_back(std::move(change));
        }
        read(path, lower_of_it);
    }

    /// Opened to be written, or touched, and yet the same: a copy keeps the time of what it was made of. A
    /// build that sets its outputs' times makes other files of the same time and size, too.
    [[nodiscard]] bool is_same(const Sides& at, const Change& change) const {
        const std::string name = name_of(change.path);
        if (change.kind == ChangeKind::symlink) {
            return link_at(at.upper.get(), name, change.path) ==
                   link_at(at.workspace.get(), name, change.path);
        }
        const UniqueFd now = open_own_file(at.upper.get(), name);
        const UniqueFd before{::openat(at.workspace.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
        return before.valid() && !first_difference(now.get(), before.get(), change.path, tree_.checkpoint);
    }

    const BuiltTree& tree_;
    std::vector<Change> changes_;
    std::map<std::uint64_t, std::uint64_t> names_; ///< how many of each inode were met
};

} // namespace

std::vector<Change> read_changes(const BuiltTree& tree) {
    Reader reader{tree};
    reader.read("", true);
    return reader.take();
}

} // namespace sandbox
