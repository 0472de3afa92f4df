// SPDX-License-Identifier: Apache-2.0
// A walk over an upper directory.
#include "build/changes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <map>

#include "base/error.hpp"
#include "base/text.hpp"
#include "build/directory.hpp"

namespace sandbox {

namespace {

bool is_opaque(int directory) {
    char value = 0;
    return ::fgetxattr(directory, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/// Opened to be written, or touched, and yet the same: a copy keeps the time of what it was made of.
bool is_unchanged(const struct stat& now, const struct stat& before) {
    return now.st_mode == before.st_mode && now.st_size == before.st_size &&
           now.st_mtim.tv_sec == before.st_mtim.tv_sec && now.st_mtim.tv_nsec == before.st_mtim.tv_nsec;
}

class Reader {
  public:
    Reader(int upper, int workspace) : upper_(upper), workspace_(workspace) {}

    /// @param lower whether what the workspace has in the directory is still seen in it
    void read(const std::string& directory, bool lower) {
        const UniqueFd open = open_below(upper_, directory);
        const UniqueFd below = lower ? open_below_if_exists(workspace_, directory) : UniqueFd{};
        for (const std::string& name : names_in(open.get(), directory)) {
            struct stat now {};
            check(::fstatat(open.get(), name.c_str(), &now, AT_SYMLINK_NOFOLLOW), "look at",
                  printable(joined(directory, name)));
            struct stat before {};
            const bool existed =
                below.valid() && ::fstatat(below.get(), name.c_str(), &before, AT_SYMLINK_NOFOLLOW) == 0;
            add(joined(directory, name), now, existed ? &before : nullptr);
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
    void add(const std::string& path, const struct stat& now, const struct stat* before) {
        Change change;
        change.path = path;
        change.mode = now.st_mode & 07777U;
        change.size = static_cast<std::uint64_t>(now.st_size);
        change.inode = now.st_ino;
        change.other_names = S_ISREG(now.st_mode) ? now.st_nlink : 0;
        if (is_whiteout(now)) {
            change.kind = ChangeKind::removed;
            if (before != nullptr) { // made and removed by the build: nobody will miss it
                changes_.push_back(std::move(change));
            }
        } else if (S_ISDIR(now.st_mode)) {
            add_directory(std::move(change), now, before);
        } else if (S_ISREG(now.st_mode) || S_ISLNK(now.st_mode)) {
            change.kind = S_ISREG(now.st_mode) ? ChangeKind::file : ChangeKind::symlink;
            ++names_[now.st_ino];
            if (before == nullptr || !is_unchanged(now, *before)) {
                changes_.push_back(std::move(change));
            }
        } else {
            change.kind = ChangeKind::special;
            changes_.push_back(std::move(change));
        }
    }

    void add_directory(Change change, const struct stat& now, const struct stat* before) {
        change.kind = ChangeKind::directory;
        change.was_there = before != nullptr && S_ISDIR(before->st_mode);
        change.hides_lower = !change.was_there || is_opaque(open_below(upper_, change.path).get());
        const bool only_holds = change.was_there && !change.hides_lower && now.st_mode == before->st_mode;
        const std::string path = change.path;
        const bool lower = !change.hides_lower;
        if (!only_holds) {
            changes_.push_back(std::move(change));
        }
        read(path, lower);
    }

    int upper_;
    int workspace_;
    std::vector<Change> changes_;
    std::map<std::uint64_t, std::uint64_t> names_; ///< how many of each inode were met
};

} // namespace

std::vector<Change> read_changes(int upper, int workspace) {
    Reader reader{upper, workspace};
    reader.read("", true);
    return reader.take();
}

} // namespace sandbox
