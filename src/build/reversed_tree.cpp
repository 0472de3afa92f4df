// SPDX-License-Identifier: Apache-2.0
// A copy, entry by entry, each directory's in the reverse of the order in which they are read.
#include "build/reversed_tree.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "build/copy_file.hpp"
#include "build/directory.hpp"
#include "linux/tree.hpp"

namespace sandbox {

namespace {

constexpr const char* memory_directory = "/dev/shm";
constexpr const char* prefix = "sandbox-check.";

/// Whether the newest entry of a directory is read first here: so it is on a tmpfs, but for some kernels.
bool newest_is_read_first(int directory) {
    for (const char* name : {"a", "b"}) {
        check(::mkdirat(directory, name, 0700), "make a directory in", memory_directory);
    }
    const std::vector<std::string> names = names_as_read(directory, memory_directory);
    for (const char* name : {"a", "b"}) {
        (void)::unlinkat(directory, name, AT_REMOVEDIR);
    }
    return names.front() == "b";
}

class Copier {
  public:
    Copier(int workspace, const ShownPart& shown, const Checkpoint& checkpoint, bool newest_first)
        : workspace_(workspace), shown_(shown), checkpoint_(checkpoint), newest_first_(newest_first) {}

    void copy(const std::string& directory, int target, bool whole) {
        const UniqueFd source = open_below(workspace_, directory);
        std::vector<std::string> names = names_as_read(source.get(), printable(directory));
        std::erase_if(names,
                      [&](const std::string& name) { return !whole && !is_shown(joined(directory, name)); });
        const std::vector<std::string> wanted{names.rbegin(), names.rend()};
        if (!newest_first_) {
            std::reverse(names.begin(), names.end());
        }
        for (const std::string& name : names) {
            copy_entry(source.get(), target, name, joined(directory, name), whole);
        }
        reversed_ = reversed_ || (wanted.size() > 1 && names_as_read(target, printable(directory)) == wanted);
    }

    [[nodiscard]] bool reversed() const { return reversed_; }

  private:
    /// Directories that hold nothing of it are made all the same.
    [[nodiscard]] bool is_shown(const std::string& path) const {
        return shown_.is_input(path) || shown_.is_shown_directory(path);
    }

    void copy_entry(int source, int target, const std::string& name, const std::string& path, bool whole) {
        checkpoint_();
        struct stat status {};
        check(::fstatat(source, name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "look at", printable(path));
        if (S_ISDIR(status.st_mode)) {
            check(::mkdirat(target, name.c_str(), 0700), "make the directory", printable(path));
            const UniqueFd inner = open_below(target, name);
            copy(path, inner.get(), whole || shown_.is_input(path));
            const timespec times[] = {status.st_atim, status.st_mtim};
            check(::fchmod(inner.get(), status.st_mode & 07777U), "set the mode of", printable(path));
            check(::futimens(inner.get(), times), "set the times of", printable(path));
        } else if (S_ISLNK(status.st_mode)) {
            copy_symlink(source, target, name, path);
        } else if (S_ISREG(status.st_mode)) {
            const UniqueFd file{check(::openat(source, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC),
                                      "open", printable(path))};
            copy_file(file.get(), target, name, path, checkpoint_);
        } // what else there is, sockets and FIFOs, no build reads
    }

    int workspace_;
    const ShownPart& shown_;
    const Checkpoint& checkpoint_;
    bool newest_first_;
    bool reversed_ = false;
};

/// Those whose makers are gone.
void remove_dead_copies() {
    const UniqueFd memory{::open(memory_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!memory.valid()) {
        return;
    }
    for (const std::string& name : names_in(memory.get(), memory_directory)) {
        struct stat status {};
        if (!name.starts_with(prefix) ||
            ::fstatat(memory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            status.st_uid != ::geteuid()) {
            continue;
        }
        const UniqueFd directory = open_below_if_exists(memory.get(), name);
        if (directory.valid() && ::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) {
            remove_tree(memory.get(), name);
        }
    }
}

} // namespace

ReversedTree::ReversedTree(const std::string& workspace_path, const ShownPart& shown,
                           const Checkpoint& checkpoint) {
    remove_dead_copies();
    struct statfs kind {};
    std::string name = std::string{memory_directory} + "/" + prefix + "XXXXXX";
    if (::statfs(memory_directory, &kind) < 0 || kind.f_type != TMPFS_MAGIC ||
        ::mkdtemp(name.data()) == nullptr) {
        return;
    }
    name_ = name;
    lock_ = UniqueFd{check(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", name)};
    check(::flock(lock_.get(), LOCK_EX | LOCK_NB), "lock", name);
    const UniqueFd workspace{
        check(::open(workspace_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", workspace_path)};
    struct stat status {};
    check(::fstat(workspace.get(), &status), "look at", workspace_path);
    const bool newest_first = newest_is_read_first(lock_.get());
    check(::mkdirat(lock_.get(), "workspace", 0700), "make a directory in", name);
    path_ = name + "/workspace";
    const UniqueFd target = open_below(lock_.get(), "workspace");
    try {
        Copier copier{workspace.get(), shown, checkpoint, newest_first};
        copier.copy("", target.get(), shown.inputs.empty());
        if (copier.reversed()) {
            failure_.clear();
        }
        check(::fchmod(target.get(), status.st_mode & 07777U), "set the mode of", name);
    } catch (const SystemError& error) {
        remove();
        path_.clear();
        failure_ = error.what();
    } catch (...) {
        remove();
        throw;
    }
}

ReversedTree::~ReversedTree() {
    remove();
}

void ReversedTree::remove() {
    if (name_.empty()) {
        return;
    }
    try {
        remove_tree(AT_FDCWD, name_);
    } catch (const Error&) {
        // The next one finds it.
    }
    name_.clear();
}

} // namespace sandbox
