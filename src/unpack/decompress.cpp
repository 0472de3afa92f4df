// SPDX-License-Identifier: Apache-2.0
// Which decompressor a file asks for, what they share, and libarchive's filters.
#include "unpack/decompress.hpp"

#include <archive_entry.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

namespace {

bool starts_with(std::span<const std::byte> bytes, std::initializer_list<unsigned> magic) {
    return bytes.size() >= magic.size() &&
           std::equal(magic.begin(), magic.end(), bytes.begin(), [](unsigned wanted, std::byte byte) {
               return std::byte{static_cast<unsigned char>(wanted)} == byte;
           });
}

/// A frame, or a skippable one, as parallel compressors put first. RFC 8878, 3.1.1 and 3.1.2.
bool is_zstd(std::span<const std::byte> bytes) {
    const bool skippable = bytes.size() >= 4 && (bytes[0] & std::byte{0xf0}) == std::byte{0x50} &&
                           starts_with(bytes.subspan(1), {0x2a, 0x4d, 0x18});
    return skippable || starts_with(bytes, {0x28, 0xb5, 0x2f, 0xfd});
}

/// Not compressed at all: the magic of POSIX's and GNU's headers. tar(5)
bool is_tar(std::span<const std::byte> bytes) {
    constexpr std::size_t magic = 257;
    return bytes.size() > magic && starts_with(bytes.subspan(magic), {'u', 's', 't', 'a', 'r'});
}

/// A source as it is.
class PassedSource final : public ByteSource {
  public:
    explicit PassedSource(ByteSource& source) : source_(source) {}
    std::span<const std::byte> next() override { return source_.next(); }
    std::size_t fill(std::span<std::byte> memory) override { return source_.fill(memory); }
    void cancel() noexcept override { source_.cancel(); }

  private:
    ByteSource& source_;
};

} // namespace

std::unique_ptr<ByteSource> open_decompressor(ByteSource& source, std::span<const std::byte> first) {
    if (starts_with(first, {0x1f, 0x8b})) {
        return std::make_unique<GzipSource>(source);
    }
    if (is_zstd(first)) {
        return std::make_unique<ZstdSource>(source);
    }
    if (starts_with(first, {0xfd, '7', 'z', 'X', 'Z', 0})) {
        return std::make_unique<XzSource>(source);
    }
    if (is_tar(first)) {
        return std::make_unique<PassedSource>(source);
    }
    return std::make_unique<FilterSource>(source);
}

std::unique_ptr<ByteSource> open_decompressed(FileSource& file) {
    const std::span<const std::byte> first = file.peek();
    if (first.empty()) {
        throw UsageError({}, "the file is empty",
                         "IMAGE is a root file system's tar, a directory that holds one, or host");
    }
    return open_decompressor(file, first);
}

DecompressingSource::DecompressingSource(ByteSource& source) : source_(source) {}

bool DecompressingSource::refill() {
    if (input_.empty() && !input_ended_) {
        input_ = source_.next();
        input_ended_ = input_.empty();
    }
    return !input_.empty();
}

std::span<const std::byte> DecompressingSource::next() {
    output_.resize(limits::block_bytes);
    return {output_.data(), fill(output_)};
}

std::size_t DecompressingSource::fill(std::span<std::byte> memory) {
    std::size_t filled = 0;
    unsigned idle = 0;
    while (!ended_ && filled < memory.size()) {
        const bool more = refill();
        const std::size_t before = input_.size();
        const std::size_t got = decompress(memory.subspan(filled));
        filled += got;
        idle = more && got == 0 && input_.size() == before ? idle + 1 : 0;
        if (idle > 2) { // whatever the library makes of it, this does not go on for ever
            throw_damaged("the decompressor does not go on", {});
        }
        if (!more && got == 0) {
            end_of_input();
            ended_ = true;
        }
    }
    return filled;
}

FilterSource::FilterSource(ByteSource& source) : source_(source), input_(source), reader_(make_reader()) {
    archive* const reader = reader_.get();
    // A filter that libarchive was built without answers ARCHIVE_WARN and would run a program: which the
    // system-call filter refuses.
    (void)::archive_read_support_filter_bzip2(reader);
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

} // namespace sandbox::unpack
