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

/// ROOT/tmp/NAME, locked while its maker lives, and removed at the end with all that was not moved out of it.
class ImportDirectory {
  public:
    /// @param mapping has the ids that its files will belong to; must outlive this
    ImportDirectory(const Store& store, const Mapping& mapping);
    ~ImportDirectory();
    ImportDirectory(const ImportDirectory&) = delete;
    ImportDirectory& operator=(const ImportDirectory&) = delete;

    [[nodiscard]] int fd() const noexcept { return directory_.get(); }
    [[nodiscard]] std::string path() const;

    /// Makes HEX in it layers/HEX/MAP. Where that is there already, this one is dropped; the other may be in
    /// use.
    void move_layer(const std::string& digest, const std::string& map_key);

  private:
    const Store& store_;
    const Mapping& mapping_;
    UniqueFd tmp_;
    UniqueFd directory_;
    std::string name_;
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
