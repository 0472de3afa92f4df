// SPDX-License-Identifier: Apache-2.0
// An archive's way into the store, by the confined sandbox-unpack. Private to this room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "idmap/mapping.hpp"
#include "image/store.hpp"

namespace sandbox {

/// "sha256:" and 64 lower-case hexadecimal digits.
bool is_digest(std::string_view text);

/// Where a layer's tree lies below the store's root: layers/HEX/MAP/root.
std::string tree_path(const std::string& digest, const Mapping& mapping);

/// Held while a file is imported; another start that wants the same file waits for it. The kernel drops the
/// lock with its holder.
class ImportLock {
  public:
    ImportLock(int tars_fd, const std::string& key);
    ~ImportLock();
    ImportLock(const ImportLock&) = delete;
    ImportLock& operator=(const ImportLock&) = delete;

  private:
    int tars_fd_;
    std::string name_;
    UniqueFd file_;
};

struct ArchiveFile {
    int fd = -1;            ///< borrowed, at its beginning
    std::uint64_t size = 0; ///< bytes, for the progress bar
};

/// Unpacks the archive into the store. Where the same content is there already, that tree serves.
/// @return the digest of the uncompressed tar
std::string import_archive(const ArchiveFile& archive, const std::string& name, const Store& store,
                           const Mapping& mapping, const Log& log);

} // namespace sandbox
