// SPDX-License-Identifier: Apache-2.0
// Which image a file is: remembered by what stat(2) says of it, as git's index does. Private to this room.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "image/store.hpp"

namespace sandbox {

/// What ROOT/tars/KEY holds: "sha256:HEX SECONDS", and a third word as long as the image may not be on the
/// disk yet: the kernel's boot id. After a power failure that is another, and the entry counts for nothing.
struct KnownFile {
    std::string id;
    std::int64_t imported_at = 0;
    std::string boot; ///< empty: it is on the disk
};

std::string known_file_key(const struct stat& status);

/// Nothing where the file is not known, or may have changed since without showing it.
std::optional<KnownFile> find_known_file(const Store& store, const std::string& key,
                                         const struct stat& status);
/// The same by the key alone.
std::optional<KnownFile> find_known_file_of_key(const Store& store, const std::string& key);
void put_known_file(const Store& store, const std::string& key, const KnownFile& file);

/// Of a new image, whatever it came from, until it is on the disk. Put there before the first tree is in its
/// place: after a power failure no tree is taken for whole because nobody remembers that it was new.
std::string new_image_key(const std::string& id);

/// The entries' file names, and what they hold, stale ones left out.
struct KnownFileEntry {
    std::string key;
    KnownFile file;
};
std::vector<KnownFileEntry> list_known_files(const Store& store);

/// Drops the entries that a power failure made worthless. @return whether there were any
bool drop_stale_files(const Store& store);

/// /proc/sys/kernel/random/boot_id
std::string boot_id();

} // namespace sandbox
