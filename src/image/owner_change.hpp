// SPDX-License-Identifier: Apache-2.0
// New owners for a whole tree. Private to this room.
#pragma once

#include <cstdint>
#include <functional>

namespace sandbox {

/// A file's place among ids: who owns it, and its permission and set-id bits.
struct FileOwner {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t mode = 0;
};

/// What owners become, in ids of the calling process's user namespace.
struct OwnerChange {
    bool from_attribute = false;                ///< the true owner is what owner_attribute says, else 0:0
    bool to_attribute = false;                  ///< it is kept there, and all belongs to 0:0
    std::function<FileOwner(FileOwner)> change; ///< without `to_attribute`: true or present owner to new one
    std::function<FileOwner(FileOwner)> truth;  ///< without `from_attribute`: present owner to true one
};

/// Changes the directory and all below it; links are changed themselves, never followed. File capabilities
/// and set-id bits, which chown(2) takes away, are given back. Throws SystemError.
void change_owners(int directory, const OwnerChange& change);

} // namespace sandbox
