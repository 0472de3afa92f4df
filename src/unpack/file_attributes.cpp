// SPDX-License-Identifier: Apache-2.0
// Reads extended attributes of open files.
#include "unpack/file_attributes.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "base/unpack_report.hpp"
#include "unpack/entry_path.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

namespace {

bool says_yes(int fd, const char* name) {
    char value = 0;
    return ::fgetxattr(fd, name, &value, 1) == 1 && value == 'y';
}

std::vector<std::string> names_of(int fd, const std::string& path) {
    std::string list(limits::attribute_bytes, '\0'); // XATTR_LIST_MAX is the same. limits.h of linux
    const ssize_t size = ::flistxattr(fd, list.data(), list.size());
    if (size < 0 && errno == ENOTSUP) {
        return {};
    }
    check(size, "list the extended attributes of", shorten(path));
    list.resize(static_cast<std::size_t>(size));
    std::vector<std::string> names;
    for (const std::string_view name : split(list, '\0')) {
        if (!name.empty()) {
            names.emplace_back(name);
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::optional<std::string> value_of(int fd, const std::string& name) {
    std::string value(limits::attribute_bytes, '\0');
    const ssize_t size = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (size < 0) {
        return std::nullopt; // gone since, or another namespace's capability: none of ours
    }
    value.resize(static_cast<std::size_t>(size));
    return value;
}

/// What is not of the form is no owner: the file keeps the one that it has.
void take_owner(std::string_view text, TarEntry& entry) {
    const auto fields = split(text, ':');
    if (fields.size() != 3) {
        return;
    }
    const auto owner = parse_number(fields[0], UINT32_MAX - 1);
    const auto group = parse_number(fields[1], UINT32_MAX - 1);
    const auto mode = parse_mode(fields[2]);
    if (owner && group && mode) {
        entry.owner = *owner;
        entry.group = *group;
        entry.mode = *mode;
    }
}

} // namespace

bool is_whiteout(int directory, const std::string& name, const struct stat& status) {
    if (S_ISCHR(status.st_mode)) {
        return status.st_rdev == makedev(0, 0);
    }
    if (!S_ISREG(status.st_mode) || status.st_size != 0) {
        return false;
    }
    const UniqueFd file{
        ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    return file.valid() && ::fgetxattr(file.get(), "user.overlay.whiteout", nullptr, 0) >= 0;
}

bool is_opaque(int directory) {
    constexpr std::array names = {"user.overlay.opaque", "user.fuseoverlayfs.opaque"};
    return std::any_of(names.begin(), names.end(),
                       [directory](const char* name) { return says_yes(directory, name); });
}

void add_attributes(int fd, TarEntry& entry) {
    for (const std::string& name : names_of(fd, entry.path)) {
        if (name != owner_attribute && !keeps_attribute(name)) {
            continue;
        }
        auto value = value_of(fd, name);
        if (!value) {
            continue;
        }
        if (name == owner_attribute) {
            take_owner(*value, entry);
        } else {
            entry.extended.emplace_back(name, *std::move(value));
        }
    }
}

} // namespace sandbox::unpack
