// SPDX-License-Identifier: Apache-2.0
// Writes a tar in the pax format, the same bytes for the same entries. POSIX.1-2017, pax; tar(5).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unpack/source.hpp"

namespace sandbox::unpack {

/// A stretch of a file that is no hole.
struct DataRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

/// What a header says.
struct TarEntry {
    std::string path; ///< a directory's ends in "/"
    char type = '0';  ///< as in the header: '0' file, '1' hard link, '2' symlink, '3' '4' devices, '5'
                      ///< directory, '6' FIFO
    std::string link; ///< a link's target
    mode_t mode = 0;
    std::uint64_t owner = 0;
    std::uint64_t group = 0;
    timespec modified{};
    std::uint64_t size = 0; ///< a file's length, its holes included
    unsigned major = 0;     ///< devices
    unsigned minor = 0;
    bool sparse = false;
    std::vector<DataRange> data;                               ///< of a sparse file
    std::vector<std::pair<std::string, std::string>> extended; ///< extended attributes, by name
};

/// Entries are written one after the other: header(), for a file exactly as many bytes as its data,
/// end_of_data().
class TarWriter {
  public:
    /// @param fd stays the caller's
    explicit TarWriter(int fd);

    void header(const TarEntry& entry);
    void data(std::span<const std::byte> bytes);
    /// Fills up the last block of a file's data.
    void end_of_data();
    /// The end marker, up to a record of 20 blocks, as tar(1) writes it.
    void finish();

    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
    /// The digest of all; ends the sum. After finish().
    std::string digest() { return hash_.finish(); }

  private:
    void put(std::string_view bytes);
    void pad_to(std::size_t unit);
    void flush();

    int fd_;
    Sha256 hash_;
    std::string buffer_;
    std::uint64_t total_ = 0;
};

} // namespace sandbox::unpack
