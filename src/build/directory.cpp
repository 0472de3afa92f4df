// SPDX-License-Identifier: Apache-2.0
// Directories below another.
#include "build/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

struct CloseDir {
    void operator()(DIR* stream) const noexcept { (void)::closedir(stream); }
};

} // namespace

std::vector<std::string> names_as_read(int directory, const std::string& name_for_errors) {
    UniqueFd own{
        check(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "read", name_for_errors)};
    const std::unique_ptr<DIR, CloseDir> stream{::fdopendir(own.get())};
    if (!stream) {
        throw_errno(errno, "read", name_for_errors);
    }
    (void)own.release(); // the stream owns it now
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(stream.get())) {
        if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) {
            names.emplace_back(entry->d_name);
        }
    }
    return names;
}

std::vector<std::string> names_in(int directory, const std::string& name_for_errors) {
    std::vector<std::string> names = names_as_read(directory, name_for_errors);
    std::sort(names.begin(), names.end());
    return names;
}

UniqueFd open_below_if_exists(int top, const std::string& path) {
    return UniqueFd{sys::openat2(top, path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                                 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)};
}

UniqueFd open_below(int top, const std::string& path) {
    UniqueFd directory = open_below_if_exists(top, path);
    if (!directory.valid()) {
        throw_errno(errno, "open", printable(path.empty() ? "." : path));
    }
    return directory;
}

std::optional<struct stat> status_below(int top, const std::string& path) {
    struct stat status {};
    if (path.find('/') == std::string::npos) {
        return ::fstatat(top, path.empty() ? "." : path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0
                   ? std::optional{status}
                   : std::nullopt;
    }
    const UniqueFd entry{sys::openat2(top, path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0,
                                      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)};
    if (entry.valid()) {
        return ::fstat(entry.get(), &status) == 0 ? std::optional{status} : std::nullopt;
    }
    // RESOLVE_NO_SYMLINKS refuses the last component too, and a link there is what is asked for.
    const UniqueFd parent = open_below_if_exists(top, parent_of(path));
    const std::string name = name_of(path);
    return parent.valid() && ::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0
               ? std::optional{status}
               : std::nullopt;
}

std::string joined(const std::string& directory, const std::string& name) {
    return directory.empty() ? name : directory + "/" + name;
}

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

bool is_whiteout(const struct stat& status) {
    return S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

} // namespace sandbox
