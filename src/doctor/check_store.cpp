// SPDX-License-Identifier: Apache-2.0
// The store's place: who may reach it, how much room it has, and what can be mounted over it.
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "doctor/checks.hpp"
#include "doctor/distribution.hpp"
#include "doctor/trial.hpp"
#include "image/store.hpp"
#include "linux/tree.hpp"
#include "rootfs/run_directory.hpp"
#include "run/fuse_overlay_helper.hpp"

namespace sandbox {

namespace {

/// The store, or the nearest directory above it that is there.
std::string existing_part(std::string path) {
    while (path.size() > 1 && ::access(path.c_str(), F_OK) < 0) {
        path.resize(std::max<std::size_t>(path.rfind('/'), 1));
    }
    return path;
}

/// A directory beside the store that goes with this object.
class ScratchDirectory {
  public:
    explicit ScratchDirectory(const std::string& parent)
        : parent_(check(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", parent)),
          path_(parent + "/.sandbox-doctor-XXXXXX") {
        if (::mkdtemp(path_.data()) == nullptr) {
            throw_errno(errno, "make a directory in", parent);
        }
    }
    ~ScratchDirectory() {
        try {
            remove_tree(parent_.get(), path_.substr(path_.rfind('/') + 1));
        } catch (const Error&) {
            // A few empty directories stay behind.
        }
    }
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    UniqueFd parent_;
    std::string path_;
};

/// What statfs(2) calls it.
std::string file_system_at(const std::string& path) {
    constexpr std::pair<std::uint32_t, const char*> names[] = {
        {EXT4_SUPER_MAGIC, "ext4"}, {XFS_SUPER_MAGIC, "xfs"},   {BTRFS_SUPER_MAGIC, "btrfs"},
        {TMPFS_MAGIC, "tmpfs"},     {F2FS_SUPER_MAGIC, "f2fs"}, {OVERLAYFS_SUPER_MAGIC, "overlayfs"},
        {NFS_SUPER_MAGIC, "nfs"},   {FUSE_SUPER_MAGIC, "fuse"}, {0x2fc12fc1, "zfs"},
        {0xca451a4e, "bcachefs"},
    };
    struct statfs status {};
    if (::statfs(path.c_str(), &status) < 0) {
        return error_text(errno);
    }
    for (const auto& [magic, name] : names) {
        if (static_cast<std::uint32_t>(status.f_type) == magic) {
            return name;
        }
    }
    return "a file system of another kind";
}

int try_overlay(const std::string& directory) {
    for (const char* part : {"/lower", "/upper", "/work", "/merged"}) {
        if (::mkdir((directory + part).c_str(), 0700) < 0) {
            return errno;
        }
    }
    // It would mount without these attributes, and fail later.
    if (::getxattr((directory + "/upper").c_str(), "user.sandbox", nullptr, 0) < 0 && errno != ENODATA) {
        return errno;
    }
    const std::string options = "userxattr,volatile,lowerdir=" + directory + "/lower,upperdir=" + directory +
                                "/upper,workdir=" + directory + "/work";
    const std::string merged = directory + "/merged";
    return ::mount("overlay", merged.c_str(), "overlay", 0, options.c_str()) < 0 ? errno : 0;
}

} // namespace

Finding check_store(const std::string& store_path) {
    Finding finding{"store", Finding::State::ok, store_path, ""};
    const std::string place = existing_part(store_path);
    struct stat status {};
    struct statvfs room {};
    const auto missing = [&](const std::string& why) {
        return Finding{
            finding.name, Finding::State::missing,
            store_path + ": " + (place == store_path ? "" : "cannot be made in " + place + ": ") + why,
            "name another place with --root or SANDBOX_ROOT"};
    };
    if (place != store_path && ::lstat(store_path.c_str(), &status) == 0) {
        return missing("it is a symbolic link that leads nowhere");
    }
    if (::stat(place.c_str(), &status) < 0 || ::statvfs(place.c_str(), &room) < 0) {
        const int code = errno;
        return missing(error_text(code));
    }
    if (!S_ISDIR(status.st_mode)) {
        return missing("not a directory");
    }
    if (::access(place.c_str(), W_OK | X_OK) < 0) {
        const int code = errno;
        return missing(error_text(code));
    }
    if (::access((store_path + "/version").c_str(), F_OK) == 0) {
        try {
            const Store store{store_path}; // as a start opens it
        } catch (const Error& error) {
            return {finding.name, Finding::State::missing, error.object() + ": " + error.reason(),
                    error.hint()};
        }
    }
    if (place == store_path && (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)) {
        return {finding.name, Finding::State::missing, place + ": others can reach it",
                "chmod 0700 " + place};
    }
    const std::uint64_t free = static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize;
    constexpr std::uint64_t little = 1ULL << 30;
    finding.detail += ", " + file_system_at(place) + ", " + std::to_string(free >> 20) + " MiB free";
    if (free < little) {
        finding.state = Finding::State::degraded;
        finding.fix = "make room, or name another place with --root or SANDBOX_ROOT";
    }
    return finding;
}

Finding check_xattrs(const std::string& store_path) {
    int failure = 0;
    try {
        const ScratchDirectory scratch{existing_part(store_path)};
        failure = ::setxattr(scratch.path().c_str(), "user.sandbox.doctor", "1", 1, 0) < 0 ? errno : 0;
    } catch (const SystemError& error) {
        failure = error.code();
    }
    if (failure == 0) {
        return {"xattrs", Finding::State::ok, "the store keeps extended attributes of users", ""};
    }
    return {"xattrs", Finding::State::degraded,
            "the store keeps no extended attributes of users, and so no overlay: " + error_text(failure),
            "put the store on ext4, xfs or btrfs with --root or SANDBOX_ROOT"};
}

Finding check_dead_runs(const std::string& store_path) {
    const unsigned dead = count_dead_runs(store_path);
    if (dead == 0) {
        return {"dead-runs", Finding::State::ok, "none", ""};
    }
    return {"dead-runs", Finding::State::degraded,
            std::to_string(dead) + " of them hold disk space: what killed sandboxes had written",
            "sandbox prune"};
}

Finding check_overlay(const std::string& store_path) {
    Finding finding{"overlay", Finding::State::degraded, "", ""};
    int failure = 0;
    try {
        const ScratchDirectory scratch{existing_part(store_path)};
        failure = try_in_namespaces(CLONE_NEWNS, [&] { return try_overlay(scratch.path()); });
    } catch (const SystemError& error) {
        failure = error.code();
    }
    if (failure == 0) {
        return {finding.name, Finding::State::ok, "the kernel's overlayfs works in the store", ""};
    }
    finding.detail = "the kernel's overlayfs does not work in the store (" + error_text(failure) +
                     "): fuse-overlayfs or a copy takes its place, which is slower";
    finding.fix = "put the store on ext4, xfs or btrfs with --root or SANDBOX_ROOT";
    return finding;
}

Finding check_fuse_overlayfs() {
    Finding finding{"fuse-overlayfs", Finding::State::ok, fuse_overlayfs_path, ""};
    if (::access(fuse_overlayfs_path, X_OK) < 0) {
        return {finding.name, Finding::State::degraded, "not installed: only needed where overlayfs fails",
                install_command(Package::fuse_overlayfs)};
    }
    if (!UniqueFd{::open("/dev/fuse", O_RDWR | O_CLOEXEC)}.valid()) {
        return {finding.name, Finding::State::degraded, "/dev/fuse: " + error_text(errno),
                "sudo chmod 0666 /dev/fuse (as udev does)"};
    }
    return finding;
}

} // namespace sandbox
