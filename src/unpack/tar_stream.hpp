// SPDX-License-Identifier: Apache-2.0
// The uncompressed tar: read ahead and hashed by threads of its own while the caller writes files.
//
//   reader thread     source.fill() ──▶ ring of blocks ──▶ hash thread
//                                                   └─────▶ next(), the caller's thread
//
// A block is used again when both have done with it. Where one of them is slow, the others wait: memory is
// bounded.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "unpack/source.hpp"

namespace sandbox::unpack {

/// Passes on the uncompressed tar and knows its digest: the "diff_id" of a layer. OCI image specification,
/// config.md, "Layer DiffID".
///
/// `source` and `hash` belong to the threads from the construction to the end of drain(), or to the
/// destruction, which cancels the source.
class TarStream final : public ByteSource {
  public:
    TarStream(ByteSource& source, Sha256& hash);
    ~TarStream() override;

    /// Throws what the source threw, when its turn has come.
    std::span<const std::byte> next() override;

    /// Reads what the tar reader left: the digest covers all bytes, those after the end marker too. From then
    /// on the hash is the caller's again.
    void drain();

    /// The bytes that next() has given.
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

    /// Whether the last block of 512 bytes so far is zero, as a tar's end marker is. tar(5).
    [[nodiscard]] bool ends_in_zeros() const noexcept;

  private:
    static constexpr std::size_t record = 512;
    static constexpr std::size_t blocks = 16;

    struct Block {
        std::unique_ptr<std::byte[]> bytes; ///< limits::block_bytes
        std::size_t size = 0;
    };

    void read_ahead() noexcept;
    void fill_ring();
    Block* wait_for_block();
    void publish();
    void wake_reader() noexcept;
    void hash_along() noexcept;
    void finish(std::exception_ptr failure) noexcept;
    void remember_tail(std::span<const std::byte> bytes) noexcept;

    ByteSource& source_;
    Sha256& hash_;

    std::mutex mutex_;
    std::condition_variable changed_;
    // Under the mutex. Numbers of blocks, ever rising; a block lies at its number modulo `blocks`.
    std::uint64_t published_ = 0;
    std::uint64_t hashed_ = 0;
    std::uint64_t released_ = 0; ///< those before it the caller has done with
    bool ended_ = false;         ///< nothing more will be published
    bool stopped_ = false;       ///< nothing more is wanted
    std::exception_ptr failure_;
    std::array<Block, blocks> ring_;

    // The caller's alone.
    std::uint64_t total_ = 0;
    bool holds_block_ = false;
    std::array<std::byte, record> tail_{};
    std::size_t tail_size_ = 0;

    std::thread reader_; ///< last: they use all of the above
    std::thread hasher_;
};

} // namespace sandbox::unpack
