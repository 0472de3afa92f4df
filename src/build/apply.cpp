// SPDX-License-Identifier: Apache-2.0
// Outputs moved, or copied and moved.
#include "build/apply.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "build/copy_file.hpp"
#include "build/directory.hpp"
#include "linux/own_file.hpp"
#include "linux/tree.hpp"

namespace sandbox {

namespace {

constexpr mode_t set_id_bits = S_ISUID | S_ISGID;

/// overlayfs' own marks, which mean nothing elsewhere. overlayfs.rst, "userxattr"
void remove_overlay_marks(int file) {
    char names[1024];
    const ssize_t size = ::flistxattr(file, names, sizeof names);
    for (const char* name = names; size > 0 && name < names + size; name += std::strlen(name) + 1) {
        if (std::strncmp(name, "user.overlay.", 13) == 0) {
            (void)::fremovexattr(file, name); // what stays does no harm outside of an overlay
        }
    }
}

/// A directory that gets its mode, and where it is new its times, when all is in it.
struct UnfinishedDirectory {
    std::string path;
    mode_t mode;
    timespec times[2]; ///< as utimensat(2) takes them
};

constexpr timespec as_it_is{0, UTIME_OMIT};

/// A directory on both sides, opened once for all that lies in it.
struct OpenPair {
    std::string path;
    UniqueFd upper;
    UniqueFd target;
};

class Applier {
  public:
    explicit Applier(const BuiltTree& tree) : tree_(tree) {}

    void apply(const std::vector<Change>& outputs) {
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            const Change& output = outputs[i];
            tree_.checkpoint();
            enter(parent_of(output.path));
            switch (output.kind) {
                case ChangeKind::directory:
                    i = apply_directory(outputs, i);
                    break;
                case ChangeKind::removed:
                    remove_shown(here_.target.get(), output.path);
                    break;
                case ChangeKind::file:
                case ChangeKind::symlink:
                    apply_file(output);
                    break;
                case ChangeKind::special:
                    break; // refused before
            }
        }
        // Last: what was put into them has changed their times, and could not be put into all modes.
        for (auto directory = unfinished_.rbegin(); directory != unfinished_.rend(); ++directory) {
            finish(*directory);
        }
    }

    AppliedChanges take() { return std::move(result_); }

  private:
    /// The parents of what comes next, made where they are missing.
    void enter(const std::string& path) {
        if (here_.target.valid() && here_.path == path) {
            return;
        }
        UniqueFd target = open_below_if_exists(tree_.workspace, path);
        if (!target.valid() && errno == ENOENT) {
            enter(parent_of(path));
            make_directory(path, std::nullopt);
            target = open_below_if_exists(tree_.workspace, path);
        }
        if (!target.valid()) {
            throw_errno(errno, "open in the workspace", printable(path));
        }
        here_ = {path, open_below(tree_.upper, path), std::move(target)};
    }

    /// In the directory that was entered. @param mode nothing: as in the upper
    void make_directory(const std::string& path, std::optional<mode_t> mode) {
        const std::string name = name_of(path);
        struct stat there {};
        if (::mkdirat(here_.target.get(), name.c_str(), 0700) < 0) {
            const bool exists = errno == EEXIST &&
                                ::fstatat(here_.target.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
            if (exists && S_ISDIR(there.st_mode)) {
                return;
            }
            if (!exists || ::unlinkat(here_.target.get(), name.c_str(), 0) < 0 ||
                ::mkdirat(here_.target.get(), name.c_str(), 0700) < 0) {
                throw_errno(errno, "make the directory", printable(path));
            }
        }
        struct stat built {};
        check(::fstatat(here_.upper.get(), name.c_str(), &built, AT_SYMLINK_NOFOLLOW), "look at",
              printable(path));
        unfinished_.push_back({path, mode.value_or(built.st_mode & 07777U), {built.st_atim, built.st_mtim}});
    }

    /// @return the index of the last output that is done with
    std::size_t apply_directory(const std::vector<Change>& outputs, std::size_t index) {
        const Change& output = outputs[index];
        std::size_t last = index;
        while (last + 1 < outputs.size() && outputs[last + 1].path.starts_with(output.path + "/")) {
            ++last;
        }
        if (!output.was_there && move_whole(outputs, index, last)) {
            return last;
        }
        make_directory(output.path, output.mode);
        if (output.was_there) {
            unfinished_.push_back({output.path, output.mode, {as_it_is, as_it_is}});
            if (output.hides_lower) {
                remove_gone(output.path);
            }
        }
        return index;
    }

    /// A directory that the workspace has not, moved with all that is in it, where all of that is an output.
    bool move_whole(const std::vector<Change>& outputs, std::size_t first, std::size_t last) {
        const std::string& path = outputs[first].path;
        if (result_.copied || count_entries(path) != last - first) {
            return false;
        }
        for (std::size_t i = first; i <= last; ++i) {
            prepare(outputs[i]);
        }
        const std::string name = name_of(path);
        if (::renameat2(here_.upper.get(), name.c_str(), here_.target.get(), name.c_str(), RENAME_NOREPLACE) <
            0) {
            return false;
        }
        for (std::size_t i = first; i <= last; ++i) {
            // read_changes() has lent these a mode.
            if (outputs[i].kind == ChangeKind::directory && (outputs[i].mode & S_IRWXU) != S_IRWXU) {
                unfinished_.push_back({outputs[i].path, outputs[i].mode, {as_it_is, as_it_is}});
            }
        }
        return true;
    }

    /// How many entries there are below a directory of the upper.
    std::size_t count_entries(const std::string& path) {
        const UniqueFd directory = open_below(tree_.upper, path);
        std::size_t count = 0;
        for (const std::string& name : names_in(directory.get(), path)) {
            struct stat status {};
            ++count;
            if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISDIR(status.st_mode)) {
                count += count_entries(joined(path, name));
            }
        }
        return count;
    }

    /// Makes a file of the upper fit to leave it.
    void prepare(const Change& output) {
        if (output.kind != ChangeKind::file && output.kind != ChangeKind::directory) {
            return;
        }
        const UniqueFd file =
            output.kind == ChangeKind::file
                ? open_own_file(open_below(tree_.upper, parent_of(output.path)).get(), name_of(output.path))
                : open_below(tree_.upper, output.path);
        remove_overlay_marks(file.get());
        // A directory's set-group-ID bit only says whose group new files in it have.
        if (output.kind == ChangeKind::file && (output.mode & set_id_bits) != 0) {
            check(::fchmod(file.get(), output.mode & ~set_id_bits), "set the mode of",
                  printable(output.path));
            result_.without_set_id.push_back(output.path);
        }
    }

    void apply_file(const Change& output) {
        prepare(output);
        const std::string name = name_of(output.path);
        if (!result_.copied && rename_over(output.path, name)) {
            return;
        }
        result_.copied = true;
        if (output.kind == ChangeKind::symlink) {
            copy_symlink(here_.upper.get(), here_.target.get(), name, output.path);
            return;
        }
        const UniqueFd file = open_own_file(here_.upper.get(), name);
        if (links_.place_again(output, tree_.workspace, here_.target.get())) {
            return;
        }
        copy_file(file.get(), here_.target.get(), name, output.path, tree_.checkpoint);
        links_.remember(output);
    }

    /// @return false where the two lie on different file systems (EXDEV)
    bool rename_over(const std::string& path, const std::string& name) {
        for (bool cleared = false;; cleared = true) {
            if (::renameat(here_.upper.get(), name.c_str(), here_.target.get(), name.c_str()) == 0) {
                return true;
            }
            if (errno == EXDEV) {
                return false;
            }
            if (cleared || errno != EISDIR) {
                throw_errno(errno, "put into the workspace", printable(path));
            }
            remove_shown(here_.target.get(), path); // a directory that the build made a file of
        }
    }

    /// Takes away what the workspace has in a directory that the build has emptied or made anew.
    void remove_gone(const std::string& path) {
        const UniqueFd target = open_below(tree_.workspace, path);
        const UniqueFd upper = open_below(tree_.upper, path);
        for (const std::string& name : names_in(target.get(), path)) {
            struct stat status {};
            if (::fstatat(upper.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
                remove_shown(target.get(), joined(path, name));
            }
        }
    }

    /// Removes what the workspace has at the path, as far as the build saw it: a directory that holds more
    /// stays. @param parent an open directory, in which it lies
    void remove_shown(int parent, const std::string& path) {
        const std::string name = name_of(path);
        if (tree_.shown.shows_whole(path)) {
            remove_tree(parent, name);
            return;
        }
        const UniqueFd directory{
            ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!directory.valid() && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
            throw_errno(errno, "remove", printable(path));
        }
        if (!directory.valid() || !tree_.shown.shows(path, true)) {
            return;
        }
        for (const std::string& inner : names_in(directory.get(), path)) {
            remove_shown(directory.get(), joined(path, inner));
        }
        if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != EEXIST) {
            throw_errno(errno, "remove", printable(path));
        }
    }

    void finish(const UnfinishedDirectory& directory) {
        const UniqueFd parent = open_below(tree_.workspace, parent_of(directory.path));
        const std::string name = name_of(directory.path);
        // The set-group-ID bit only says whose group new files in it have.
        check(::fchmodat(parent.get(), name.c_str(), directory.mode & ~static_cast<mode_t>(S_ISUID), 0),
              "set the mode of", printable(directory.path));
        check(::utimensat(parent.get(), name.c_str(), directory.times, AT_SYMLINK_NOFOLLOW),
              "set the times of", printable(directory.path));
    }

    const BuiltTree& tree_;
    OpenPair here_;
    std::vector<UnfinishedDirectory> unfinished_; ///< each behind those above it
    CopiedLinks links_;
    AppliedChanges result_;
};

} // namespace

AppliedChanges apply_outputs(const BuiltTree& tree, const std::vector<Change>& outputs) {
    Applier applier{tree};
    applier.apply(outputs);
    return applier.take();
}

} // namespace sandbox
