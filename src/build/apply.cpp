// SPDX-License-Identifier: Apache-2.0
// Outputs moved, or copied and moved.
#include "build/apply.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "build/copy_file.hpp"
#include "build/directory.hpp"
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
            enter(parent_of(output.path));
            switch (output.kind) {
                case ChangeKind::directory:
                    i = apply_directory(outputs, i);
                    break;
                case ChangeKind::removed:
                    remove_tree(here_.target.get(), name_of(output.path));
                    break;
                case ChangeKind::file:
                case ChangeKind::symlink:
                    apply_file(output);
                    break;
                case ChangeKind::special:
                    break; // refused before
            }
        }
        // Last, because what was put into them has changed their times.
        for (auto path = made_.rbegin(); path != made_.rend(); ++path) {
            finish_directory(*path);
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
            make_directory(path);
            target = open_below_if_exists(tree_.workspace, path);
        }
        if (!target.valid()) {
            throw_errno(errno, "open in the workspace", printable(path));
        }
        here_ = {path, open_below(tree_.upper, path), std::move(target)};
    }

    /// In the directory that was entered.
    void make_directory(const std::string& path) {
        const std::string name = name_of(path);
        if (::mkdirat(here_.target.get(), name.c_str(), 0700) == 0) {
            made_.push_back(path);
            return;
        }
        struct stat there {};
        const bool exists =
            errno == EEXIST && ::fstatat(here_.target.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
        if (exists && S_ISDIR(there.st_mode)) {
            return;
        }
        if (!exists || ::unlinkat(here_.target.get(), name.c_str(), 0) < 0 ||
            ::mkdirat(here_.target.get(), name.c_str(), 0700) < 0) {
            throw_errno(errno, "make the directory", printable(path));
        }
        made_.push_back(path);
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
        make_directory(output.path);
        if (output.hides_lower && output.was_there) {
            remove_hidden(output.path);
        }
        if (output.was_there && !output.hides_lower) {
            const std::string name = name_of(output.path);
            check(::fchmodat(here_.target.get(), name.c_str(), output.mode & ~set_id_bits, 0),
                  "set the mode of", printable(output.path));
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
        return ::renameat2(here_.upper.get(), name.c_str(), here_.target.get(), name.c_str(),
                           RENAME_NOREPLACE) == 0;
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
        const UniqueFd file = open_upper(output);
        remove_overlay_marks(file.get());
        // A directory's set-group-ID bit only says whose group new files in it have.
        if (output.kind == ChangeKind::file && (output.mode & set_id_bits) != 0) {
            check(::fchmod(file.get(), output.mode & ~set_id_bits), "set the mode of",
                  printable(output.path));
            result_.without_set_id.push_back(output.path);
        }
    }

    /// For its attributes: whatever its mode, its owner is who calls.
    UniqueFd open_upper(const Change& output) {
        const UniqueFd parent = open_below(tree_.upper, parent_of(output.path));
        const std::string name = name_of(output.path);
        constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
        int file = ::openat(parent.get(), name.c_str(), flags);
        if (file < 0 && errno == EACCES) {
            check(::fchmodat(parent.get(), name.c_str(), output.mode | S_IRUSR, 0), "open",
                  printable(output.path));
            file = ::openat(parent.get(), name.c_str(), flags);
            (void)!::fchmodat(parent.get(), name.c_str(), output.mode, 0); // for as long as it is open
        }
        return UniqueFd{check(file, "open", printable(output.path))};
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
        const UniqueFd file = open_upper(output);
        if (links_.place_again(output, tree_.workspace, here_.target.get())) {
            return;
        }
        copy_file(file.get(), here_.target.get(), name, output.path);
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
            remove_tree(here_.target.get(), name); // a directory that the build made a file of
        }
    }

    /// Takes away what the workspace has in a directory that the build has emptied or made anew.
    void remove_hidden(const std::string& path) {
        const UniqueFd target = open_below(tree_.workspace, path);
        const UniqueFd upper = open_below(tree_.upper, path);
        for (const std::string& name : names_in(target.get(), path)) {
            struct stat status {};
            if (::fstatat(upper.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
                remove_tree(target.get(), name);
            }
        }
    }

    void finish_directory(const std::string& path) {
        const UniqueFd upper = open_below(tree_.upper, path);
        const UniqueFd target = open_below(tree_.workspace, path);
        struct stat status {};
        check(::fstat(upper.get(), &status), "look at", printable(path));
        const timespec times[] = {status.st_atim, status.st_mtim};
        check(::fchmod(target.get(), status.st_mode & 07777U & ~static_cast<mode_t>(S_ISUID)),
              "set the mode of", printable(path));
        check(::futimens(target.get(), times), "set the times of", printable(path));
    }

    const BuiltTree& tree_;
    OpenPair here_;
    std::vector<std::string> made_;
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
