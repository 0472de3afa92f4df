// SPDX-License-Identifier: Apache-2.0
// A look at a tar's beginning: does it hold an image's files, or a root file system? Pure.
#pragma once

#include <cstddef>
#include <span>

namespace sandbox::unpack {

/// Whether the first entry that tells is one of those at the top of docker's and OCI's archives:
/// manifest.json, index.json, oci-layout, repositories, blobs, or 64 hex digits. Not so for what is no tar, a
/// compressed one say.
/// @param start the first bytes; a block of source.hpp holds enough
bool names_an_image(std::span<const std::byte> start) noexcept;

/// The same, or what other tools' archives begin with: sha256:HEX, config.json, a layer's *.tar or *.tar.gz.
/// Only a look for the manifest tells then.
bool may_name_an_image(std::span<const std::byte> start) noexcept;

} // namespace sandbox::unpack
