// SPDX-License-Identifier: Apache-2.0
// From the archive's descriptor to the bytes of the tar in it: read, decompress, hash.
//
//   FileSource -> GzipSource or FilterSource -> TarStream -> the tar reader (extract.cpp)
//
// Each stage owns nothing of its neighbours and is used by one thread at a time, so that a stage and those
// before it can move to a thread of their own with a queue of blocks between.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sandbox::unpack {

/// Bytes in order.
class ByteSource {
  public:
    ByteSource() = default;
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;
    virtual ~ByteSource() = default;

    /// The next block, valid until the next call; empty at the end, and ever after. Throws Error.
    virtual std::span<const std::byte> next() = 0;
};

/// A file or pipe from its current position; the descriptor stays the caller's.
class FileSource final : public ByteSource {
  public:
    using OnRead = std::function<void(std::uint64_t total)>;

    /// @param on_read told after each block how many bytes have been read in all
    FileSource(int fd, OnRead on_read);

    std::span<const std::byte> next() override;

    /// The first block without taking it; only before the first next(). Empty for an empty file.
    std::span<const std::byte> peek();

  private:
    void fill();

    int fd_;
    OnRead on_read_;
    std::vector<std::byte> buffer_;
    std::size_t size_ = 0;
    std::uint64_t total_ = 0;
    bool pending_ = false;
};

/// A SHA-256 that runs along.
class Sha256 {
  public:
    /// OpenSSL reads its configuration, and may load modules that it names, when it is first used: so it is
    /// first used here, told not to, and this is made before an archive can have put a file in its way.
    /// OPENSSL_init_crypto(3).
    Sha256();

    void update(std::span<const std::byte> bytes);

    /// "sha256:" and 64 hex digits. Ends the sum.
    std::string finish();

  private:
    struct FreeContext {
        void operator()(EVP_MD_CTX* context) const noexcept { ::EVP_MD_CTX_free(context); }
    };
    std::unique_ptr<EVP_MD_CTX, FreeContext> context_;
};

/// The uncompressed bytes of a file: gzip by GzipSource, others by FilterSource. Throws UsageError for an
/// empty file. @param file must outlive the result
std::unique_ptr<ByteSource> open_decompressed(FileSource& file);

/// Passes on the uncompressed tar and knows its digest: the "diff_id" of a layer. OCI image specification,
/// config.md, "Layer DiffID".
class TarStream final : public ByteSource {
  public:
    TarStream(ByteSource& source, Sha256& hash) noexcept : source_(source), hash_(hash) {}

    std::span<const std::byte> next() override;

    /// Reads what the tar reader left: the digest covers all bytes, those after the end marker too.
    void drain();

    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

    /// Whether the last block of 512 bytes so far is zero, as a tar's end marker is. tar(5).
    [[nodiscard]] bool ends_in_zeros() const noexcept;

  private:
    static constexpr std::size_t record = 512;

    void remember_tail(std::span<const std::byte> bytes) noexcept;

    ByteSource& source_;
    Sha256& hash_;
    std::uint64_t total_ = 0;
    std::array<std::byte, record> tail_{};
    std::size_t tail_size_ = 0;
};

} // namespace sandbox::unpack
