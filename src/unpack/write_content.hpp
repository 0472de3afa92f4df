// SPDX-License-Identifier: Apache-2.0
// Bytes of an entry into its file.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "unpack/entry_error.hpp"

namespace sandbox::unpack {

/// A block that is all zeros is left out, and becomes a hole: a bomb of zeros takes no disk.
inline bool is_zeros(std::string_view bytes) {
    return bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

/// Throws SystemError about the entry.
inline void write_at(int fd, std::string_view bytes, std::int64_t offset, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), offset);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        check_entry(put, "write", path);
        offset += put;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

} // namespace sandbox::unpack
