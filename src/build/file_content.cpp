// SPDX-License-Identifier: Apache-2.0
// Bytes of files, block by block.
#include "build/file_content.hpp"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/text.hpp"

namespace sandbox {

std::string read_at(int file, std::uint64_t offset, std::size_t size, const std::string& path) {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
        const ssize_t got =
            ::pread(file, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (check(got, "read", printable(path)) == 0) {
            break;
        }
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

std::optional<std::uint64_t> first_difference(int a, int b, const std::string& path,
                                              const Checkpoint& checkpoint) {
    constexpr std::size_t block = 1 << 16;
    for (std::uint64_t offset = 0;; offset += block) {
        checkpoint();
        const std::string one = read_at(a, offset, block, path);
        const std::string two = read_at(b, offset, block, path);
        const auto [left, right] = std::mismatch(one.begin(), one.end(), two.begin(), two.end());
        if (left != one.end() || right != two.end()) {
            return offset + static_cast<std::uint64_t>(left - one.begin());
        }
        if (one.size() < block) {
            return std::nullopt;
        }
    }
}

std::string link_at(int directory, const std::string& name, const std::string& path) {
    char link[PATH_MAX];
    const ssize_t length =
        check(::readlinkat(directory, name.c_str(), link, sizeof link), "read", printable(path));
    return {link, static_cast<std::size_t>(length)};
}

} // namespace sandbox
