// SPDX-License-Identifier: Apache-2.0
// zstd by libzstd.
#include <zstd_errors.h>

#include <new>

#include "unpack/decompress.hpp"

namespace sandbox::unpack {

ZstdSource::ZstdSource(ByteSource& source) : DecompressingSource(source), stream_(ZSTD_createDStream()) {
    if (!stream_) {
        throw std::bad_alloc{};
    }
}

std::size_t ZstdSource::decompress(std::span<std::byte> output) {
    ZSTD_inBuffer in{input_.data(), input_.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const std::size_t result = ZSTD_decompressStream(stream_.get(), &out, &in);
    if (ZSTD_isError(result) != 0) {
        switch (ZSTD_getErrorCode(result)) {
            case ZSTD_error_memory_allocation:
            case ZSTD_error_frameParameter_windowTooLarge: // the default limit is 2^27. zstd(1), --long
                throw std::bad_alloc{};
            default:
                throw_damaged(ZSTD_getErrorName(result), {});
        }
    }
    // 0: a frame is decoded and flushed. With neither input nor output nothing new has been said.
    if (in.pos > 0 || out.pos > 0) {
        in_frame_ = result != 0;
    }
    input_ = input_.subspan(in.pos);
    return out.pos;
}

void ZstdSource::end_of_input() {
    if (in_frame_) {
        throw_ends_early({});
    }
}

} // namespace sandbox::unpack
