// SPDX-License-Identifier: Apache-2.0
// xz by liblzma.
#include <sched.h>

#include <algorithm>
#include <new>

#include "unpack/decompress.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

namespace {

/// More than four do not get faster by the writing of files.
unsigned usable_processors() {
    constexpr int most = 4;
    cpu_set_t set;
    return ::sched_getaffinity(0, sizeof set, &set) == 0
               ? static_cast<unsigned>(std::clamp(CPU_COUNT(&set), 1, most))
               : 1;
}

} // namespace

XzSource::XzSource(ByteSource& source) : DecompressingSource(source) {
    lzma_mt options{};
    options.flags = LZMA_CONCATENATED;
    options.threads = usable_processors();
    // Where more threads would take more than this, there are fewer; a file of one block has one.
    options.memlimit_threading = limits::xz_threads_bytes;
    options.memlimit_stop = limits::xz_bytes;
    if (::lzma_stream_decoder_mt(&stream_, &options) != LZMA_OK) {
        throw std::bad_alloc{};
    }
}

XzSource::~XzSource() {
    ::lzma_end(&stream_);
}

std::size_t XzSource::decompress(std::span<std::byte> output) {
    if (whole_) {
        input_ = {}; // padding after the last stream has been checked by then
        return 0;
    }
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(input_.data());
    stream_.avail_in = input_.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(output.data());
    stream_.avail_out = output.size();
    const lzma_ret result = ::lzma_code(&stream_, input_ended() ? LZMA_FINISH : LZMA_RUN);
    input_ = input_.last(stream_.avail_in);
    switch (result) {
        case LZMA_OK:
        case LZMA_BUF_ERROR: // no progress: for want of input, or at the end of a truncated file
            break;
        case LZMA_STREAM_END:
            whole_ = true;
            break;
        case LZMA_MEM_ERROR:
        case LZMA_MEMLIMIT_ERROR:
            throw std::bad_alloc{};
        case LZMA_OPTIONS_ERROR:
            throw_damaged("xz options that are not known here", {});
        default:
            throw_damaged("not what xz writes", {});
    }
    return output.size() - stream_.avail_out;
}

void XzSource::end_of_input() {
    if (!whole_) {
        throw_ends_early({});
    }
}

} // namespace sandbox::unpack
