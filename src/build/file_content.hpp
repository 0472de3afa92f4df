// SPDX-License-Identifier: Apache-2.0
// Bytes of files, and of links, side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/signals.hpp"

namespace sandbox {

/// Up to `size` bytes from the offset on; fewer only at the end of the file. @param path for messages
std::string read_at(int file, std::uint64_t offset, std::size_t size, const std::string& path);

/// The first offset at which two files differ; nothing where they are the same. @param path for messages
std::optional<std::uint64_t> first_difference(int a, int b, const std::string& path,
                                              const Checkpoint& checkpoint);

/// What the symbolic link says. @param path for messages
std::string link_at(int directory, const std::string& name, const std::string& path);

} // namespace sandbox
