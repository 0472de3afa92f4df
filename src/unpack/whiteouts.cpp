// SPDX-License-Identifier: Apache-2.0
// Whiteouts and opaque directories.
#include "unpack/whiteouts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "linux/syscalls.hpp"
#include "unpack/entry_error.hpp"
#include "unpack/entry_path.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

namespace {

constexpr std::string_view mark = ".wh.";
constexpr std::string_view special_mark = ".wh..wh.";
constexpr std::string_view opaque_mark = ".wh..wh..opq";
constexpr std::uint64_t beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

std::string joined(std::string_view parent, std::string_view leaf) {
    return parent.empty() ? std::string{leaf} : std::string{parent} + '/' + std::string{leaf};
}

/// Gives a directory its times back, which making an entry in it changes.
class KeptTimes {
  public:
    KeptTimes(int fd, const std::string& path) : fd_(fd), path_(path) {
        struct stat status {};
        check_entry(::fstat(fd, &status), "look at", path);
        times_[0] = status.st_atim;
        times_[1] = status.st_mtim;
    }
    void restore() const { check_entry(::futimens(fd_, times_), "set its time", path_); }

  private:
    int fd_;
    const std::string& path_;
    timespec times_[2]{};
};

} // namespace

void Whiteouts::remember(std::set<std::string>& set, std::string path) {
    bytes_ += path.size();
    if (hidden_.size() + opaque_.size() >= limits::directories || bytes_ > limits::directory_name_bytes) {
        throw UsageError(shorten(path), "the layer has more whiteouts than can be kept");
    }
    set.insert(std::move(path));
}

bool Whiteouts::take(const std::string& path) {
    const auto [parent, leaf] = split_path(path);
    if (!leaf.starts_with(mark)) {
        return false;
    }
    if (leaf == opaque_mark) {
        remember(opaque_, std::string{parent});
    } else if (!leaf.starts_with(special_mark)) {
        const std::string_view hidden = leaf.substr(mark.size());
        if (hidden.empty() || hidden == "." || hidden == "..") {
            throw UsageError(shorten(path), "the layer's whiteout names no file");
        }
        remember(hidden_, joined(parent, hidden));
    }
    return true;
}

/// A directory of the layer; where it is missing it is made, as for any entry.
UniqueFd Whiteouts::open_directory(const std::string& path) const {
    constexpr std::uint64_t flags = O_RDONLY | O_DIRECTORY;
    UniqueFd at{check_entry(sys::openat2(root_.get(), ".", flags, 0, beneath), "open the root", path)};
    for (std::string_view rest = path; !rest.empty();) {
        const std::string name{rest.substr(0, rest.find('/'))};
        rest.remove_prefix(std::min(name.size() + 1, rest.size()));
        if (::mkdirat(at.get(), name.c_str(), 0755) < 0 && errno != EEXIST) {
            throw_entry_error(errno, "make a directory above it", path);
        }
        at = UniqueFd{check_entry(sys::openat2(at.get(), name.c_str(), flags, 0, beneath),
                                  "open a directory above it", path)};
    }
    return at;
}

void Whiteouts::make_opaque(const std::string& path) const {
    const UniqueFd directory = open_directory(path);
    if (::fsetxattr(directory.get(), "user.overlay.opaque", "y", 1, 0) < 0) {
        throw SystemError(errno, "make the directory opaque", shorten(path.empty() ? "/" : path),
                          errno == ENOTSUP ? "the store's file system has no user.* attributes, which layers "
                                             "need: choose another place with --root DIR"
                                           : "");
    }
}

void Whiteouts::make_whiteout(const std::string& path) const {
    const auto [parent, leaf] = split_path(path);
    const UniqueFd directory = open_directory(std::string{parent});
    const std::string name{leaf};
    struct stat status {};
    if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(status.st_mode)) {
            make_opaque(path);
        }
        return; // a file of this layer hides what is below without a mark
    }
    const KeptTimes times{directory.get(), path};
    check_entry(::mknodat(directory.get(), name.c_str(), S_IFCHR, ::makedev(0, 0)), "make the whiteout",
                path);
    times.restore();
}

void Whiteouts::apply() {
    std::for_each(opaque_.begin(), opaque_.end(), [&](const std::string& path) { make_opaque(path); });
    std::for_each(hidden_.begin(), hidden_.end(), [&](const std::string& path) { make_whiteout(path); });
}

} // namespace sandbox::unpack
