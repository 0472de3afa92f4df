// SPDX-License-Identifier: Apache-2.0
// os-release(5) and the package managers.
#include "doctor/distribution.hpp"

#include <fcntl.h>

#include "base/files.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

struct Family {
    const char* id; ///< as ID or ID_LIKE has it
    const char* command;
    const char* map_helpers;
    const char* fuse_overlayfs;
};

constexpr Family families[] = {
    {"debian", "sudo apt install ", "uidmap", "fuse-overlayfs"},
    {"ubuntu", "sudo apt install ", "uidmap", "fuse-overlayfs"},
    {"fedora", "sudo dnf install ", "shadow-utils-subid shadow-utils", "fuse-overlayfs"},
    {"rhel", "sudo dnf install ", "shadow-utils", "fuse-overlayfs"},
    {"suse", "sudo zypper install ", "shadow", "fuse-overlayfs"},
    {"opensuse", "sudo zypper install ", "shadow", "fuse-overlayfs"},
    {"arch", "sudo pacman -S ", "shadow", "fuse-overlayfs"},
    {"alpine", "sudo apk add ", "shadow-uidmap", "fuse-overlayfs"},
};

std::string unquoted(std::string_view value) {
    const bool quoted =
        value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
    return std::string{quoted ? value.substr(1, value.size() - 2) : value};
}

} // namespace

std::string install_command(std::string_view os_release, Package package) {
    std::string ids;
    for (const std::string_view line : split(os_release, '\n')) {
        for (const std::string_view key : {"ID=", "ID_LIKE="}) {
            if (line.starts_with(key)) {
                ids += " " + unquoted(trim(line.substr(key.size())));
            }
        }
    }
    for (const std::string_view id : split(ids, ' ')) {
        for (const Family& family : families) {
            if (id == family.id) {
                return std::string{family.command} +
                       (package == Package::map_helpers ? family.map_helpers : family.fuse_overlayfs);
            }
        }
    }
    return package == Package::map_helpers
               ? "install the package that holds newuidmap (uidmap, shadow-utils or shadow)"
               : "install the package fuse-overlayfs";
}

std::string install_command(Package package) {
    return install_command(read_file_if_exists(AT_FDCWD, "/etc/os-release").value_or(""), package);
}

} // namespace sandbox
