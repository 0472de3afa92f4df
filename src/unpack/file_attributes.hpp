// SPDX-License-Identifier: Apache-2.0
// What extended attributes say about a file of a stored tree.
#pragma once

#include <sys/stat.h>

#include <string>

#include "unpack/tar_writer.hpp"

namespace sandbox::unpack {

/// Whether the name hides what lies in lower layers and is itself nothing. overlayfs.rst, "whiteouts and
/// opaque directories".
bool is_whiteout(int directory, const std::string& name, const struct stat& status);

/// Whether nothing of lower layers shows in the open directory.
bool is_opaque(int directory);

/// The attributes that keeps_attribute() has, by name; owner_attribute (base/unpack_report.hpp) becomes the
/// entry's owner and mode.
void add_attributes(int fd, TarEntry& entry);

} // namespace sandbox::unpack
