// SPDX-License-Identifier: Apache-2.0
// Stages that a layer's bytes pass through.
#include "unpack/blob_source.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "unpack/archive_handle.hpp"
#include "unpack/decompress.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

SliceSource::SliceSource(UniqueFd file, std::uint64_t offset, std::uint64_t size, OnRead on_read)
    : file_(std::move(file)),
      offset_(offset),
      left_(size),
      on_read_(std::move(on_read)),
      buffer_(static_cast<std::size_t>(
          std::clamp<std::uint64_t>(size, 1, static_cast<std::uint64_t>(limits::block_bytes)))) {}

std::span<const std::byte> SliceSource::next() {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer_.size()));
    std::size_t got = 0;
    while (got < wanted) {
        const ssize_t part =
            ::pread(file_.get(), buffer_.data() + got, wanted - got, static_cast<off_t>(offset_ + got));
        if (part < 0 && errno == EINTR) {
            continue;
        }
        check(part, "read the archive");
        if (part == 0) {
            throw_ends_early({});
        }
        got += static_cast<std::size_t>(part);
    }
    offset_ += got;
    left_ -= got;
    if (on_read_ && got > 0) {
        on_read_(got);
    }
    return {buffer_.data(), got};
}

std::span<const std::byte> HashSource::next() {
    const std::span<const std::byte> bytes = source_.next();
    hash_.update(bytes);
    total_ += bytes.size();
    return bytes;
}

std::span<const std::byte> PeekSource::peek() {
    first_ = source_.next();
    pending_ = true;
    return first_;
}

std::span<const std::byte> PeekSource::next() {
    return std::exchange(pending_, false) ? first_ : source_.next();
}

std::size_t PeekSource::fill(std::span<std::byte> memory) {
    return pending_ || !rest_.empty() ? ByteSource::fill(memory) : source_.fill(memory);
}

std::unique_ptr<ByteSource> open_decompressed_layer(PeekSource& layer) {
    return open_decompressor(layer, layer.peek());
}

} // namespace sandbox::unpack
