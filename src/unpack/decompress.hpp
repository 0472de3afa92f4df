// SPDX-License-Identifier: Apache-2.0
// The decompressors behind open_decompressed().
#pragma once

#include <lzma.h>
#include <zstd.h>

#include <memory>
#include <span>
#include <vector>

#include "unpack/archive_handle.hpp"
#include "unpack/source.hpp"

namespace sandbox::unpack {

/// The decompressor that a file's first bytes ask for. @param source gives those bytes once more, and
/// outlives the result
std::unique_ptr<ByteSource> open_decompressor(ByteSource& source, std::span<const std::byte> first);

/// A decompressor of its own: input as it comes, output in blocks of limits::block_bytes.
class DecompressingSource : public ByteSource {
  public:
    std::span<const std::byte> next() final;
    std::size_t fill(std::span<std::byte> memory) final;
    void cancel() noexcept final { source_.cancel(); }

  protected:
    explicit DecompressingSource(ByteSource& source);

    /// Decompresses from input_ into `output`, and takes what it used from input_.
    /// @return the bytes written; may be none as long as there is input. Throws UsageError.
    virtual std::size_t decompress(std::span<std::byte> output) = 0;

    /// Called when all input has been used and gave no output. Throws where that is too early.
    virtual void end_of_input() = 0;

    /// Makes sure that there is input. @return false at the end of the source
    bool refill();
    [[nodiscard]] bool input_ended() const noexcept { return input_ended_; }

    std::span<const std::byte> input_;

  private:
    ByteSource& source_;
    std::vector<std::byte> output_;
    bool input_ended_ = false;
    bool ended_ = false;
};

/// gzip (RFC 1952), any number of members one after the other, by ISA-L's igzip or, where it was not there
/// when this was built, by zlib. Not libarchive's filter, because that does not compare the checksum at a
/// member's end (archive_read_support_filter_gzip.c): a flipped bit in the data of an image would go unseen.
class GzipSource final : public DecompressingSource {
  public:
    explicit GzipSource(ByteSource& source);
    ~GzipSource() override;

  private:
    std::size_t decompress(std::span<std::byte> output) override;
    void end_of_input() override;
    bool next_member();

    struct State;
    std::unique_ptr<State> state_;
    bool in_member_ = true;
};

/// zstd (RFC 8878), any number of frames, windows up to 128 MiB (`zstd --long`).
class ZstdSource final : public DecompressingSource {
  public:
    explicit ZstdSource(ByteSource& source);

  private:
    std::size_t decompress(std::span<std::byte> output) override;
    void end_of_input() override;

    struct FreeStream {
        void operator()(ZSTD_DStream* stream) const noexcept { (void)ZSTD_freeDStream(stream); }
    };
    std::unique_ptr<ZSTD_DStream, FreeStream> stream_;
    bool in_frame_ = false;
};

/// xz, any number of streams; several blocks at a time where the file was written in blocks (`xz -T`).
class XzSource final : public DecompressingSource {
  public:
    explicit XzSource(ByteSource& source);
    ~XzSource() override;

  private:
    std::size_t decompress(std::span<std::byte> output) override;
    void end_of_input() override;

    lzma_stream stream_ = LZMA_STREAM_INIT;
    bool whole_ = false;
};

/// bzip2, lz4, lzma, lzip and compress by libarchive's filters, also several streams one after the other;
/// what none of them knows is passed on as it is. Filters that run other programs are left out.
class FilterSource final : public ByteSource {
  public:
    explicit FilterSource(ByteSource& source);

    std::span<const std::byte> next() override;
    void cancel() noexcept override { source_.cancel(); }

  private:
    [[noreturn]] void fail();

    ByteSource& source_;
    ArchiveInput input_;
    ArchiveReader reader_;
    bool ended_ = false;
};

} // namespace sandbox::unpack
