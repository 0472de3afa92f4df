// SPDX-License-Identifier: Apache-2.0
// Run directories: claimed by lock, recycled, cleaned.
#include "rootfs/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

#include "base/error.hpp"
#include "base/files.hpp"
#include "idmap/mapped_process.hpp"
#include "image/catalog.hpp"
#include "linux/tree.hpp"

namespace sandbox {

namespace {

constexpr const char* dead_name = "dead";

/// Where overlayfs marks that a volatile mount used this work directory; its removal is the promise that the
/// upper's content does not matter any more. Documentation/filesystems/overlayfs.rst, "Volatile mount".
constexpr const char* volatile_mark = "work/work/incompat/volatile/dirty";

/// What cannot be looked at may be there: work/work has mode 0 while a run uses it, and after its kill.
bool exists(int dir_fd, const char* path) {
    return ::faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/// overlayfs makes the directories above the mark with mode 0: their owner opens them first.
void remove_volatile_mark(int dir_fd) {
    for (const char* directory : {"work/work", "work/work/incompat", "work/work/incompat/volatile"}) {
        if (::fchmodat(dir_fd, directory, 0700, 0) < 0) {
            return; // no such mount was made, or another id owns them: clean() finds the rest
        }
    }
    (void)::unlinkat(dir_fd, volatile_mark, 0);
    (void)::unlinkat(dir_fd, "work/work/incompat/volatile", AT_REMOVEDIR);
    (void)::unlinkat(dir_fd, "work/work/incompat", AT_REMOVEDIR);
}

bool is_clean(int run_directory) {
    return !exists(run_directory, "work/work/incompat") && !exists(run_directory, "copy") &&
           is_empty_directory(run_directory, "upper");
}

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// Whether a killed run has left something in runs/MAP/NAME. Locks it for as long as `run` is open.
bool is_dead(int run) {
    return ::flock(run, LOCK_EX | LOCK_NB) == 0 && exists(run, "work") && !is_clean(run);
}

/// Calls look(kind, name, run) for each run directory in runs/, with descriptors of it and of what it lies
/// in.
template <typename Look>
void for_each_run(int runs, const std::string& key, Look look) {
    const UniqueFd kind{check(::openat(runs, key.c_str(), directory_flags), "open", key)};
    for (const std::string& name : entries_of(kind.get(), ".")) {
        const UniqueFd run{name == dead_name ? -1 : ::openat(kind.get(), name.c_str(), directory_flags)};
        if (run.valid()) {
            look(kind.get(), name, run.get());
        }
    }
}

/// Moved aside under a new name, for later removal.
void set_aside(int kind_fd, const std::string& name) {
    if (::mkdirat(kind_fd, dead_name, 0700) < 0 && errno != EEXIST) {
        throw_errno(errno, "make a directory in the store", dead_name);
    }
    timespec now{};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    const std::string aside = std::string{dead_name} + "/" + name + "." + std::to_string(::getpid()) + "." +
                              std::to_string(now.tv_nsec);
    check(::renameat(kind_fd, name.c_str(), kind_fd, aside.c_str()), "move aside", name);
}

} // namespace

RunDirectory::RunDirectory(const Store& store, const Mapping& mapping) {
    const UniqueFd runs = store.open_directory(store.fd(), "runs");
    kind_ = store.open_directory(runs.get(), mapping.key);
    for (unsigned number = 0;; ++number) {
        const std::string name = std::to_string(number);
        if (take(name)) {
            path_ = store.path() + "/runs/" + mapping.key + "/" + name;
            break;
        }
    }
    found_dead_runs_ = found_dead_runs_ || exists(kind_.get(), dead_name);
}

RunDirectory::~RunDirectory() {
    if (cleaned_) {
        return;
    }
    try {
        clean();
    } catch (const Error&) {
        // The failure that led here is the one to report; the next start finds what is left.
    }
}

/// Locks runs/MAP/NAME and sees that it is ready for use. @return false when another run has it
bool RunDirectory::take(const std::string& name) {
    UniqueFd directory{::openat(kind_.get(), name.c_str(), directory_flags)};
    if (!directory.valid()) {
        if (::mkdirat(kind_.get(), name.c_str(), 0700) < 0 && errno != EEXIST) {
            throw_errno(errno, "make a directory in the store", name);
        }
        directory = UniqueFd{check(::openat(kind_.get(), name.c_str(), directory_flags), "open", name)};
    }
    if (::flock(directory.get(), LOCK_EX | LOCK_NB) < 0) {
        return false;
    }
    struct stat held {};
    struct stat named {};
    check(::fstat(directory.get(), &held), "look at", name);
    if (::fstatat(kind_.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) < 0 ||
        named.st_ino != held.st_ino) {
        return false; // moved aside between the two calls
    }
    directory_ = std::move(directory);
    if (!exists(directory_.get(), "work")) {
        make_parts();
    }
    if (is_clean(directory_.get())) {
        return true;
    }
    set_aside(kind_.get(), name);
    found_dead_runs_ = true;
    directory_.reset();
    return take(name);
}

/// work comes last: where it stands, both are there.
void RunDirectory::make_parts() {
    for (const auto& [part, mode] : {std::pair{"upper", 0755U}, std::pair{"work", 0700U}}) {
        if (::mkdirat(directory_.get(), part, mode) < 0 && errno != EEXIST) {
            throw_errno(errno, "make a directory in the store", part);
        }
        // Whatever the caller's umask: the upper's mode is that of the root inside.
        check(::fchmodat(directory_.get(), part, mode, 0), "set the mode of", part);
    }
}

void RunDirectory::clean() {
    remove_volatile_mark(directory_.get());
    const auto empty = [&](const char* name) {
        const UniqueFd part{check(::openat(directory_.get(), name, directory_flags), "open", name)};
        remove_tree_content(part.get(), name);
    };
    if (!is_empty_directory(directory_.get(), "upper")) {
        empty("upper");
        empty("work");
    } else if (exists(directory_.get(), "work/work/incompat")) {
        empty("work");
    }
    remove_tree(directory_.get(), "copy");
    cleaned_ = true;
}

void remove_dead_runs(const Store& store, const Mapping& mapping) {
    const UniqueFd runs = store.open_directory(store.fd(), "runs");
    const UniqueFd kind = store.open_directory(runs.get(), mapping.key);
    remove_mapped_tree(kind.get(), dead_name, mapping);
}

unsigned prune_runs(const Store& store, const Mapping& mapping) {
    unsigned dead = 0;
    const UniqueFd runs = store.open_directory(store.fd(), "runs");
    for (const std::string& key : entries_of(runs.get(), ".")) {
        for_each_run(runs.get(), key, [](int kind, const std::string& name, int run) {
            if (is_dead(run)) {
                set_aside(kind, name);
            }
        });
        const UniqueFd kind{check(::openat(runs.get(), key.c_str(), directory_flags), "open", key)};
        dead += static_cast<unsigned>(entries_of(kind.get(), dead_name).size());
        remove_mapped_tree(kind.get(), dead_name, mapping);
    }
    return dead;
}

unsigned count_dead_runs(const std::string& store_path) {
    const UniqueFd runs{::open((store_path + "/runs").c_str(), directory_flags)};
    if (!runs.valid()) {
        return 0;
    }
    unsigned dead = 0;
    for (const std::string& key : entries_of(runs.get(), ".")) {
        for_each_run(runs.get(), key,
                     [&](int, const std::string&, int run) { dead += is_dead(run) ? 1U : 0U; });
        dead += static_cast<unsigned>(entries_of(runs.get(), key + "/" + dead_name).size());
    }
    return dead;
}

} // namespace sandbox
