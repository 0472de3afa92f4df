// SPDX-License-Identifier: Apache-2.0
// From whatever the user has to layers: what it is is told by its content.
//
// The root directory of this process is the import's own. It gets
//   /HEX/root     each layer that the store has not, by its digest
//   /image        the record (base/image_record.hpp)
// and may find
//   /known        the layers that the store has: "DIGEST SIZE" lines
// A tar that cannot be sought is spooled in /spool, when it turns out to hold an image rather than a root.
#pragma once

#include <string>

#include "base/unpack_report.hpp"
#include "unpack/id_map.hpp"
#include "unpack/report.hpp"
#include "unpack/source.hpp"

namespace sandbox::unpack {

/// What must be asked before the walls go up.
struct Surroundings {
    IdMaps ids;
    std::string machine; ///< uname(2)
};

/// Reads descriptor `input` (a file, a pipe, or an OCI layout's directory) to its end. Throws UsageError
/// about the entry or file at fault; SystemError for the disk.
/// @param hash made before the walls went up
UnpackDone import_image(int input, Sha256& hash, const Surroundings& surroundings, Report& report);

} // namespace sandbox::unpack
