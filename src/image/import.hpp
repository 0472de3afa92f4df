// SPDX-License-Identifier: Apache-2.0
// An archive's way into the store, by the confined sandbox-unpack. Private to this room.
#pragma once

#include <cstdint>
#include <string>

#include "base/image_record.hpp"
#include "base/log.hpp"
#include "idmap/mapping.hpp"
#include "image/store.hpp"

namespace sandbox {

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
    int fd = -1;            ///< borrowed, at its beginning; may be a directory, an OCI layout's
    std::uint64_t size = 0; ///< bytes, for the progress bar; 0 where nobody knows
};

/// Unpacks what the file holds into the store, layer by layer; layers that are there already are not unpacked
/// again. The caller holds the store's lock, shared.
struct NewImage {
    std::string id;
    bool is_new = false; ///< the store did not have it
};
NewImage import_archive(const ArchiveFile& archive, const std::string& name, const Store& store,
                           const Mapping& mapping, const Log& log);

} // namespace sandbox
