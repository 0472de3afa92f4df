// SPDX-License-Identifier: Apache-2.0
// Opening the store.
#include "image/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "linux/tree.hpp"

namespace sandbox {

namespace {

constexpr const char* layout_version = "1";
constexpr const char* shared_version = "1 shared"; // no layout to a sandbox that does not know this kind
constexpr const char* scaffold_end = "scaffold/etc/resolv.conf"; // made last
constexpr const char* root_hint = "choose another place with --root DIR or SANDBOX_ROOT";
constexpr const char* share_hint =
    "its owner makes one that others may read: sandbox import --root NEW-DIR --shareable FILE";

} // namespace

Store::Store(const std::string& root, StoreUse use) : path_(root) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    root_ = UniqueFd{::open(path_.c_str(), flags)};
    if (!root_.valid() && errno == ENOENT && use != StoreUse::read) {
        make_root(use);
        root_ = UniqueFd{::open(path_.c_str(), flags)};
    }
    if (!root_.valid()) {
        throw SystemError(errno, use == StoreUse::read ? "open the shared store" : "open the store", path_,
                          use != StoreUse::read ? root_hint
                          : errno == EACCES     ? share_hint
                                                : "");
    }
    check_version(use);
    check_access(use);
    if (use == StoreUse::read) {
        return;
    }
    if (::faccessat(fd(), ".", W_OK, 0) < 0 && errno == EROFS) {
        throw SystemError(
            EROFS, "write to the store", path_,
            "--root DIR names another; --shared-root DIR takes images from one that cannot be written");
    }
    // The scaffold's last part is looked at too: whoever tidied it away gets it again.
    if (shared_ || ::faccessat(fd(), scaffold_end, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return;
    }
    try {
        make_layout();
    } catch (const SystemError& error) {
        throw SystemError(error.code(), "write to the store", path_, root_hint);
    }
}

void Store::make_root(StoreUse use) {
    // Others must reach a shared store: the way to it is made for them too.
    const mode_t mode = use == StoreUse::share ? 0755 : 0700;
    for (auto slash = path_.find('/', 1); slash != std::string::npos; slash = path_.find('/', slash + 1)) {
        (void)::mkdir(path_.substr(0, slash).c_str(), mode); // the last one, below, tells what is wrong
    }
    if (::mkdir(path_.c_str(), 0700) < 0 && errno != EEXIST) {
        throw SystemError(errno, "make the store", path_, root_hint);
    }
}

/// Which kind of store it is, and a new shared one made.
void Store::check_version(StoreUse use) {
    struct stat status {};
    check(::fstat(fd(), &status), "look at", path_);
    is_the_callers_ = status.st_uid == ::geteuid();
    if (!is_the_callers_ && ::faccessat(fd(), "version", R_OK, 0) < 0 && errno == EACCES) {
        refuse_others_store(use); // a private one, whatever its mode is
    }
    auto text = read_file_if_exists(fd(), "version");
    if (!text && use == StoreUse::share && is_the_callers_) {
        if (!is_empty_directory(fd(), ".")) {
            throw UsageError(path_, "not empty, so it is not made a shared store",
                             "name a directory that is new or empty");
        }
        make_shared_layout();
        text = shared_version;
    }
    const std::string version{trim(text.value_or(use == StoreUse::read ? "none" : layout_version))};
    shared_ = version == shared_version;
    if (!shared_ && version != layout_version) {
        throw UsageError(path_,
                         use == StoreUse::read && !text ? std::string{"there is no store"}
                                                        : "the store has layout " + printable(version) +
                                                              ", this sandbox knows " + layout_version,
                         root_hint);
    }
}

void Store::refuse_others_store(StoreUse use) const {
    throw UsageError(path_, "the store belongs to another user",
                     use == StoreUse::read ? share_hint
                     : shared_             ? "--shared-root " + path_ + " takes images from it"
                                           : root_hint);
}

void Store::check_access(StoreUse use) {
    struct stat status {};
    check(::fstat(fd(), &status), "look at", path_);
    if (shared_ && use == StoreUse::run) {
        throw UsageError(path_, "this is a shared store: images are taken from it, and nothing runs in it",
                         "--shared-root " + path_ + " in place of --root");
    }
    if (!is_the_callers_ && !(shared_ && use == StoreUse::read)) {
        refuse_others_store(use);
    }
    if (shared_ && (status.st_mode & 022) != 0) {
        throw UsageError(path_, "others than its owner can write to the shared store", "chmod go-w " + path_);
    }
    if (!shared_ && (status.st_mode & 077) != 0) {
        throw UsageError(path_, "the store is open to other users", "chmod 700 " + path_);
    }
    if (!shared_ && use == StoreUse::share) {
        throw UsageError(
            path_,
            "a private store cannot be shared: its trees hold set-uid files, and files that only "
            "their owners may read",
            "name another directory, new or empty, with --root");
    }
}

/// Only what belongs to images, and that readable for all.
void Store::make_shared_layout() {
    check(::fchmod(fd(), 0755), "set the mode of", path_);
    for (const auto& [name, mode] :
         {std::pair{"names", 0755U}, std::pair{"images", 0755U}, std::pair{"layers", 0755U},
          std::pair{"tmp", 0700U}, std::pair{"tars", 0700U}}) {
        check(::mkdirat(fd(), name, mode), "make", path_ + "/" + name);
        check(::fchmodat(fd(), name, mode, 0), "set the mode of", name);
    }
    write_file_atomically(fd(), "version", std::string{shared_version} + "\n", 0644);
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
        if (shared_ && directory.valid()) {
            check(::fchmod(directory.get(), 0755), "set the mode of", name);
        }
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
