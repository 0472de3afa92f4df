// SPDX-License-Identifier: Apache-2.0
// From the archive's descriptor to the bytes of the tar in it: read, decompress, hash.
//
//   FileSource -> a decompressor (decompress.hpp) -> TarStream (tar_stream.hpp) -> the tar reader
//   (extract.cpp)
//
// Each stage owns nothing of its neighbours and is used by one thread at a time: TarStream runs those before
// it in a thread of their own.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"

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

    /// The same into the caller's memory, which saves a copy where the source can write there itself. No
    /// next() after it.
    /// @return bytes written, none only at the end
    virtual std::size_t fill(std::span<std::byte> memory);

    /// From another thread: a next() that waits for input, and each later one, may throw instead of waiting
    /// on.
    virtual void cancel() noexcept {}

  protected:
    std::span<const std::byte> rest_; ///< of what next() gave to fill()
};

/// A file or pipe from its current position; the descriptor stays the caller's.
class FileSource final : public ByteSource {
  public:
    using OnRead = std::function<void(std::uint64_t total)>;

    /// @param on_read told after each block how many bytes have been read in all
    FileSource(int fd, OnRead on_read);

    std::span<const std::byte> next() override;
    std::size_t fill(std::span<std::byte> memory) override;
    void cancel() noexcept override;

    /// The first block without taking it; only before the first next(). Empty for an empty file.
    std::span<const std::byte> peek();

  private:
    std::size_t read_whole(std::span<std::byte> memory);
    void wait_for_bytes() const;

    int fd_;
    bool may_wait_ = false; ///< a pipe or the like
    UniqueFd cancelled_;    ///< an eventfd, readable after cancel()
    OnRead on_read_;
    std::vector<std::byte> buffer_;
    std::size_t size_ = 0;
    std::size_t given_ = 0; ///< bytes of it, by fill()
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

/// The uncompressed bytes of a file, by the decompressor that its first bytes ask for. Throws UsageError for
/// an empty file. @param file must outlive the result
std::unique_ptr<ByteSource> open_decompressed(FileSource& file);

} // namespace sandbox::unpack
