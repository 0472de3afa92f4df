// SPDX-License-Identifier: Apache-2.0
// Writes tar archives entry by entry, with owners, modes and attributes that no plain user could give to
// files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace sandbox::test {

struct Entry {
    std::string name;
    std::string content = {};
    char type =
        '0'; ///< as in the header: '0' file, '1' hard link, '2' symlink, '3' and '4' devices, '5' directory
    std::string link = {};
    unsigned mode = 0755;
    unsigned uid = 0, gid = 0;
    std::int64_t mtime = 1000000000;
    std::vector<std::pair<std::string, std::string>> attributes = {}; ///< extended attributes
};

/// The archive's bytes, ended by two empty blocks.
std::string make_archive(const std::vector<Entry>& entries);

/// A root file system: the busybox of $SANDBOX_TEST_IMAGES with sh, and what `entries` add or put in its
/// place.
/// @return the path of the archive, written at `path`
std::string write_image(const std::filesystem::path& path, const std::vector<Entry>& entries);

/// The bytes of /bin/busybox in busybox.tar.
const std::string& busybox_binary();

} // namespace sandbox::test
