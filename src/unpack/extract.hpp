// SPDX-License-Identifier: Apache-2.0
// The entries of a tar, one after the other, onto the disk.
#pragma once

#include <cstdint>

#include "unpack/id_map.hpp"
#include "unpack/tar_stream.hpp"

namespace sandbox::unpack {

class TreeWriter;
class Whiteouts;

struct ExtractSummary {
    std::uint64_t entries = 0; ///< all of them
    std::uint64_t devices = 0; ///< those that were device nodes, and skipped
};

/// Reads the tar (tar(5): ustar, pax, GNU) to its end marker and the stream to its end. Kept: numeric owners,
/// modes, times, hard and symbolic links, FIFOs, holes, extended attributes as keeps_attribute() has it.
/// Skipped: device nodes (counted), ACLs and file flags. Where only one id exists, owners are not set, and
/// set-user-id and set-group-id bits are kept only for the entry's id 0; files and directories of others
/// carry owner_attribute (base/unpack_report.hpp). Throws UsageError about the entry at fault, or the
/// archive; SystemError for the disk.
/// @param whiteouts takes a layer's marks, and is left to the caller to apply; null for a root file system,
/// in which such names are files as others
ExtractSummary extract(TarStream& tar, TreeWriter& tree, const IdMaps& ids, Whiteouts* whiteouts);

} // namespace sandbox::unpack
