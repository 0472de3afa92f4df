// SPDX-License-Identifier: Apache-2.0
// The decompressors behind open_decompressed().
#pragma once

#include <zlib.h>

#include <vector>

#include "unpack/archive_handle.hpp"
#include "unpack/source.hpp"

namespace sandbox::unpack {

/// gzip (RFC 1952), any number of members one after the other. Not libarchive's filter, because that does not
/// compare the checksum at a member's end (archive_read_support_filter_gzip.c, "TODO: Verify the length and
/// CRC"): a flipped bit in the data of an image would go unseen.
class GzipSource final : public ByteSource {
  public:
    explicit GzipSource(ByteSource& source);
    ~GzipSource() override;

    std::span<const std::byte> next() override;

  private:
    bool refill();
    bool next_member();
    void inflate_some();

    ByteSource& source_;
    z_stream stream_{};
    std::vector<unsigned char> output_;
    bool in_member_ = true;
    bool ended_ = false;
};

/// bzip2, xz, zstd and lz4 by libarchive's filters, also several streams one after the other; what none of
/// them knows is passed on as it is. Filters that run other programs are left out.
class FilterSource final : public ByteSource {
  public:
    explicit FilterSource(ByteSource& source);

    std::span<const std::byte> next() override;

  private:
    [[noreturn]] void fail();

    ArchiveInput input_;
    ArchiveReader reader_;
    bool ended_ = false;
};

} // namespace sandbox::unpack
