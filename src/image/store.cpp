// SPDX-License-Identifier: Apache-2.0
// Opening the store.
#include "image/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

constexpr const char* layout_version = "1";
constexpr const char* scaffold_end = "scaffold/etc/resolv.conf"; // made last
constexpr const char* root_hint = "choose another place with --root DIR or SANDBOX_ROOT";

} // namespace

Store::Store(const std::string& root) : path_(root) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    root_ = UniqueFd{::open(path_.c_str(), flags)};
    if (!root_.valid() && errno == ENOENT) {
        make_root();
        root_ = UniqueFd{::open(path_.c_str(), flags)};
    }
    if (!root_.valid()) {
        throw SystemError(errno, "open the store", path_, root_hint);
    }
    struct stat status {};
    check(::fstat(root_.get(), &status), "look at", path_);
    if (status.st_uid != ::geteuid()) {
        throw UsageError(path_, "the store belongs to another user", root_hint);
    }
    if ((status.st_mode & 077) != 0) {
        throw UsageError(path_, "the store is open to other users", "chmod 700 " + path_);
    }
    check_version();
}

void Store::make_root() {
    for (auto slash = path_.find('/', 1); slash != std::string::npos; slash = path_.find('/', slash + 1)) {
        (void)::mkdir(path_.substr(0, slash).c_str(), 0700); // the last one, below, tells what is wrong
    }
    if (::mkdir(path_.c_str(), 0700) < 0 && errno != EEXIST) {
        throw SystemError(errno, "make the store", path_, root_hint);
    }
}

void Store::check_version() {
    const auto version = read_file_if_exists(fd(), "version");
    if (version && trim(*version) != layout_version) {
        throw UsageError(
            path_,
            "the store has layout " + printable(trim(*version)) + ", this sandbox knows " + layout_version,
            root_hint);
    }
    // The scaffold's last part is looked at too: whoever tidied it away gets it again.
    if (version && ::faccessat(fd(), scaffold_end, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return;
    }
    try {
        make_layout();
    } catch (const SystemError& error) {
        throw SystemError(error.code(), "write to the store", path_, root_hint);
    }
}

/// The version comes last: where it stands, the rest is there.
void Store::make_layout() {
    const auto make = [&](const char* path, mode_t mode) {
        if (::mkdirat(fd(), path, mode) < 0 && errno != EEXIST) {
            throw_errno(errno, "make", path_ + "/" + path);
        }
        check(::fchmodat(fd(), path, mode, 0), "set the mode of", path);
    };
    make("scaffold", 0755);
    for (const char* directory :
         {"scaffold/dev", "scaffold/etc", "scaffold/proc", "scaffold/run", "scaffold/sys", "scaffold/var"}) {
        make(directory, 0755);
    }
    make("scaffold/tmp", 01777);
    make("scaffold/var/tmp", 01777);
    for (const char* file : {"scaffold/etc/hosts", "scaffold/etc/hostname", scaffold_end}) {
        const UniqueFd made{
            check(::openat(fd(), file, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644), "make", file)};
        check(::fchmod(made.get(), 0644), "set the mode of", file);
    }
    write_file_atomically(fd(), "version", std::string{layout_version} + "\n");
}

UniqueFd Store::open_directory(int parent, const std::string& name) const {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd directory{::openat(parent, name.c_str(), flags)};
    if (!directory.valid() && errno == ENOENT) {
        if (::mkdirat(parent, name.c_str(), 0700) < 0 && errno != EEXIST) {
            throw SystemError(errno, "make a directory in the store", path_, root_hint);
        }
        directory = UniqueFd{::openat(parent, name.c_str(), flags)};
    }
    check(directory.get(), "open a directory of the store", path_ + "/.../" + name);
    return directory;
}

std::string default_store_path(const std::string& sandbox_root, const std::string& xdg_data_home,
                               const std::string& home) {
    if (!sandbox_root.empty()) {
        return sandbox_root;
    }
    if (xdg_data_home.starts_with('/')) {
        return xdg_data_home + "/sandbox";
    }
    if (home.empty()) {
        throw UsageError("HOME", "not set, so there is no place for the store", root_hint);
    }
    return home + "/.local/share/sandbox";
}

} // namespace sandbox
