// SPDX-License-Identifier: Apache-2.0
// Whether what was unpacked looks like a root filesystem.
#include "unpack/root_check.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "unpack/entry_path.hpp"

namespace sandbox::unpack {

namespace {

constexpr std::array root_names = {"bin", "sbin", "usr", "lib", "lib64", "etc", "nix", "gnu"};

struct CloseDir {
    void operator()(DIR* stream) const noexcept { (void)::closedir(stream); }
};

bool exists(int dir_fd, const char* name) {
    struct stat status {};
    return ::fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool looks_like_root(int dir_fd) {
    return std::any_of(root_names.begin(), root_names.end(),
                       [dir_fd](const char* name) { return exists(dir_fd, name); });
}

/// The name of the only entry, or "".
std::string only_entry(int dir_fd) {
    UniqueFd own{check(::openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "read", "/")};
    const std::unique_ptr<DIR, CloseDir> stream{::fdopendir(own.get())};
    if (!stream) {
        throw_errno(errno, "read", "/");
    }
    (void)own.release(); // the stream owns it now
    std::string name;
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string_view found = entry->d_name;
        if (found == "." || found == "..") {
            continue;
        }
        if (!name.empty()) {
            return {};
        }
        name = found;
    }
    return name;
}

} // namespace

void check_root_filesystem(int root_fd) {
    if (looks_like_root(root_fd)) {
        return;
    }
    const std::string only = only_entry(root_fd);
    const UniqueFd below{
        only.empty() ? -1 : ::openat(root_fd, only.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (below.valid() && looks_like_root(below.get())) {
        throw UsageError({},
                         "holds no root filesystem at its top, but below " + printable(shorten(only)) + "/",
                         "make it with: tar -C " + printable(shorten(only)) + " -c .");
    }
    throw UsageError({}, "holds no root filesystem: none of bin, sbin, usr, lib, etc is at its top");
}

} // namespace sandbox::unpack
