// SPDX-License-Identifier: Apache-2.0
// Decompression: zlib for gzip, libarchive for the rest.
#include "unpack/decompress.hpp"

#include <archive_entry.h>

#include <new>

#include "base/error.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

namespace {

constexpr std::byte gzip_magic_0{0x1f};
constexpr std::byte gzip_magic_1{0x8b};

} // namespace

GzipSource::GzipSource(ByteSource& source) : source_(source), output_(limits::block_bytes) {
    // 16: a gzip header is wanted, and its trailer compared. zlib.h, "inflateInit2".
    if (::inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) {
        throw std::bad_alloc{};
    }
}

GzipSource::~GzipSource() {
    (void)::inflateEnd(&stream_); // fails only for a stream that was never made
}

/// Makes sure that there is input. @return false at the end of the file
bool GzipSource::refill() {
    if (stream_.avail_in == 0) {
        const std::span<const std::byte> bytes = source_.next();
        // zlib's interface predates const; it does not write there.
        stream_.next_in = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
        stream_.avail_in = static_cast<unsigned>(bytes.size());
    }
    return stream_.avail_in > 0;
}

/// After a member: whether another one follows. Anything else there (padding) is not looked at, as in
/// gzip(1).
bool GzipSource::next_member() {
    if (!refill() || static_cast<std::byte>(*stream_.next_in) != gzip_magic_0) {
        return false;
    }
    if (::inflateReset(&stream_) != Z_OK) {
        throw std::bad_alloc{};
    }
    return true;
}

void GzipSource::inflate_some() {
    if (!refill()) {
        throw_ends_early({});
    }
    const int result = ::inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
        in_member_ = false;
    } else if (result == Z_MEM_ERROR) {
        throw std::bad_alloc{};
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
        throw_damaged(stream_.msg != nullptr ? stream_.msg : "", {});
    }
}

std::span<const std::byte> GzipSource::next() {
    stream_.next_out = output_.data();
    stream_.avail_out = static_cast<unsigned>(output_.size());
    while (!ended_ && stream_.avail_out > 0) {
        if (in_member_) {
            inflate_some();
        } else {
            in_member_ = next_member();
            ended_ = !in_member_;
        }
    }
    return {reinterpret_cast<const std::byte*>(output_.data()), output_.size() - stream_.avail_out};
}

FilterSource::FilterSource(ByteSource& source) : input_(source), reader_(make_reader()) {
    archive* const reader = reader_.get();
    // A filter that libarchive was built without answers ARCHIVE_WARN and would run a program: which the
    // system-call filter refuses.
    (void)::archive_read_support_filter_bzip2(reader);
    (void)::archive_read_support_filter_xz(reader);
    (void)::archive_read_support_filter_zstd(reader);
    (void)::archive_read_support_filter_lz4(reader);
    (void)::archive_read_support_filter_lzma(reader);
    (void)::archive_read_support_filter_lzip(reader);
    (void)::archive_read_support_filter_compress(reader);
    (void)::archive_read_support_format_raw(reader);
    (void)::archive_read_support_format_empty(reader);
    if (input_.open(reader) != ARCHIVE_OK) {
        fail();
    }
    archive_entry* entry = nullptr;
    const int result = ::archive_read_next_header(reader, &entry);
    if (result == ARCHIVE_EOF) {
        ended_ = true;
    } else if (result != ARCHIVE_OK) {
        fail();
    }
}

std::span<const std::byte> FilterSource::next() {
    while (!ended_) {
        const void* data = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int result = ::archive_read_data_block(reader_.get(), &data, &size, &offset);
        if (result == ARCHIVE_EOF) {
            ended_ = true;
        } else if (result != ARCHIVE_OK) {
            fail();
        } else if (size > 0) {
            return {static_cast<const std::byte*>(data), size};
        }
    }
    return {};
}

void FilterSource::fail() {
    input_.rethrow();
    throw_archive_error(reader_.get(), {});
}

std::unique_ptr<ByteSource> open_decompressed(FileSource& file) {
    const std::span<const std::byte> first = file.peek();
    if (first.empty()) {
        throw UsageError({}, "the file is empty",
                         "IMAGE is a root file system's tar, a directory that holds one, or host");
    }
    if (first.size() >= 2 && first[0] == gzip_magic_0 && first[1] == gzip_magic_1) {
        return std::make_unique<GzipSource>(file);
    }
    return std::make_unique<FilterSource>(file);
}

} // namespace sandbox::unpack
