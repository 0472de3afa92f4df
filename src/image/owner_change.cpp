// SPDX-License-Identifier: Apache-2.0
// New owners for a whole tree.
#include "image/owner_change.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <string>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "base/unpack_report.hpp"

namespace sandbox {

namespace {

constexpr const char* capability_attribute = "security.capability";

struct CloseDir {
    void operator()(DIR* stream) const noexcept { (void)::closedir(stream); }
};

std::string read_attribute(int fd, const char* name) {
    char value[256];
    const ssize_t size = ::fgetxattr(fd, name, value, sizeof value);
    return {value, size > 0 ? static_cast<std::size_t>(size) : 0};
}

/// "UID:GID:MODE"; of another form it says nothing.
FileOwner parse_owner(std::string_view text, std::uint32_t mode) {
    const auto fields = split(text, ':');
    if (fields.size() == 3) {
        const auto uid = parse_number(fields[0], UINT32_MAX - 1);
        const auto gid = parse_number(fields[1], UINT32_MAX - 1);
        const auto bits = parse_mode(fields[2]);
        if (uid && gid && bits) {
            return {static_cast<std::uint32_t>(*uid), static_cast<std::uint32_t>(*gid), *bits};
        }
    }
    return {0, 0, mode};
}

std::string owner_text(const FileOwner& owner) {
    char text[48];
    const int size = std::snprintf(text, sizeof text, "%u:%u:%o", owner.uid, owner.gid, owner.mode);
    return {text, static_cast<std::size_t>(size)};
}

class OwnerWalk {
  public:
    explicit OwnerWalk(const OwnerChange& change) : change_(change) {}

    void change_below(int directory) {
        const int copy =
            check(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "read", "the tree");
        const std::unique_ptr<DIR, CloseDir> stream{::fdopendir(copy)};
        while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
            if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) {
                change_entry(directory, entry->d_name);
            }
        }
    }

    /// A file or directory, open.
    void change_open(int fd, const char* name, const struct stat& status) {
        const std::uint32_t mode = status.st_mode & 07777;
        const FileOwner present{status.st_uid, status.st_gid, mode};
        const FileOwner truth = change_.from_attribute
                                    ? parse_owner(read_attribute(fd, owner_attribute), mode)
                                    : change_.truth(present);
        const FileOwner wanted = change_.to_attribute ? reduced(truth) : change_.change(truth);
        const std::string capability = read_attribute(fd, capability_attribute);
        check(::fchown(fd, wanted.uid, wanted.gid), "change the owner of", name);
        check(::fchmod(fd, wanted.mode), "change the mode of", name);
        if (!capability.empty()) {
            check(::fsetxattr(fd, capability_attribute, capability.data(), capability.size(), 0),
                  "set the capabilities of", name);
        }
        (void)::fremovexattr(fd, owner_attribute); // most have none
        if (change_.to_attribute && (truth.uid != 0 || truth.gid != 0)) {
            const std::string text = owner_text(truth);
            check(::fsetxattr(fd, owner_attribute, text.data(), text.size(), 0), "remember the owner of",
                  name);
        }
    }

  private:
    void change_entry(int directory, const char* name) {
        struct stat status {};
        check(::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW), "look at", name);
        if (!S_ISDIR(status.st_mode) && status.st_nlink > 1 && !seen_.insert(status.st_ino).second) {
            return; // another name of a file that is done
        }
        if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
            change_closed(directory, name, status);
            return;
        }
        constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
        const UniqueFd fd{check(::openat(directory, name, flags), "open", name)};
        if (S_ISDIR(status.st_mode)) {
            change_below(fd.get());
        }
        change_open(fd.get(), name, status);
    }

    /// What has no attributes: where one id is mapped its owner is lost.
    void change_closed(int directory, const char* name, const struct stat& status) const {
        const FileOwner present{status.st_uid, status.st_gid, status.st_mode & 07777};
        const FileOwner truth =
            change_.from_attribute ? FileOwner{0, 0, present.mode} : change_.truth(present);
        const FileOwner wanted = change_.to_attribute ? FileOwner{0, 0, present.mode} : change_.change(truth);
        check(::fchownat(directory, name, wanted.uid, wanted.gid, AT_SYMLINK_NOFOLLOW), "change the owner of",
              name);
    }

    /// As sandbox-unpack does it where one id is mapped.
    static FileOwner reduced(const FileOwner& truth) {
        const std::uint32_t lost = (truth.uid != 0 ? S_ISUID : 0U) | (truth.gid != 0 ? S_ISGID : 0U);
        return {0, 0, truth.mode & ~lost};
    }

    const OwnerChange& change_;
    std::set<ino_t> seen_;
};

} // namespace

void change_owners(int directory, const OwnerChange& change) {
    OwnerWalk walk{change};
    struct stat status {};
    check(::fstat(directory, &status), "look at", "the tree");
    walk.change_below(directory);
    walk.change_open(directory, "the tree", status);
}

} // namespace sandbox
