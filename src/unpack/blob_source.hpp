// SPDX-License-Identifier: Apache-2.0
// Stages that a layer's bytes pass through besides those of source.hpp: a part of a file, a hash, a first
// look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "unpack/source.hpp"

namespace sandbox::unpack {

/// `size` bytes of a file from `offset` on, by pread(2): several may read one file.
class SliceSource final : public ByteSource {
  public:
    using OnRead = std::function<void(std::size_t bytes)>;

    SliceSource(UniqueFd file, std::uint64_t offset, std::uint64_t size, OnRead on_read = {});

    std::span<const std::byte> next() override;

  private:
    UniqueFd file_;
    std::uint64_t offset_;
    std::uint64_t left_;
    OnRead on_read_;
    std::vector<std::byte> buffer_;
};

/// Passes its source on, and knows its digest and length.
class HashSource final : public ByteSource {
  public:
    HashSource(ByteSource& source, Sha256& hash) noexcept : source_(source), hash_(hash) {}

    std::span<const std::byte> next() override;
    void cancel() noexcept override { source_.cancel(); }

    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

  private:
    ByteSource& source_;
    Sha256& hash_;
    std::uint64_t total_ = 0;
};

/// Passes its source on; the first block can be looked at before.
class PeekSource final : public ByteSource {
  public:
    explicit PeekSource(ByteSource& source) noexcept : source_(source) {}

    /// The first block without taking it; only before the first next(). Empty for an empty source.
    std::span<const std::byte> peek();
    std::span<const std::byte> next() override;
    std::size_t fill(std::span<std::byte> memory) override;
    void cancel() noexcept override { source_.cancel(); }

  private:
    ByteSource& source_;
    std::span<const std::byte> first_;
    bool pending_ = false;
};

/// The uncompressed bytes of a layer, by the same decompressors as open_decompressed() of source.hpp.
/// @param layer must outlive the result
std::unique_ptr<ByteSource> open_decompressed_layer(PeekSource& layer);

} // namespace sandbox::unpack
