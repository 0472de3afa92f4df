// SPDX-License-Identifier: Apache-2.0
// gzip by zlib, for platforms without ISA-L.
#include <zlib.h>

#include <new>

#include "unpack/decompress.hpp"

namespace sandbox::unpack {

struct GzipSource::State {
    z_stream stream{};
};

GzipSource::GzipSource(ByteSource& source) : DecompressingSource(source), state_(std::make_unique<State>()) {
    // 16: a gzip header is wanted, and its trailer compared. zlib.h, "inflateInit2".
    if (::inflateInit2(&state_->stream, 16 + MAX_WBITS) != Z_OK) {
        throw std::bad_alloc{};
    }
}

GzipSource::~GzipSource() {
    (void)::inflateEnd(&state_->stream); // fails only for a stream that was never made
}

/// After a member: whether another one follows. Anything else there (padding) is not looked at, as in
/// gzip(1).
bool GzipSource::next_member() {
    constexpr std::byte magic{0x1f};
    if (!refill() || input_.front() != magic) {
        return false;
    }
    if (::inflateReset(&state_->stream) != Z_OK) {
        throw std::bad_alloc{};
    }
    in_member_ = true;
    return true;
}

std::size_t GzipSource::decompress(std::span<std::byte> output) {
    if (!in_member_ && !next_member()) {
        input_ = {};
        return 0;
    }
    z_stream& stream = state_->stream;
    // zlib's interface predates const; it does not write there.
    stream.next_in = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(input_.data()));
    stream.avail_in = static_cast<unsigned>(input_.size());
    stream.next_out = reinterpret_cast<unsigned char*>(output.data());
    stream.avail_out = static_cast<unsigned>(output.size());
    const int result = ::inflate(&stream, Z_NO_FLUSH);
    input_ = input_.last(stream.avail_in);
    if (result == Z_MEM_ERROR) {
        throw std::bad_alloc{};
    }
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        throw_damaged(stream.msg != nullptr ? stream.msg : "", {});
    }
    in_member_ = result != Z_STREAM_END;
    return output.size() - stream.avail_out;
}

void GzipSource::end_of_input() {
    if (in_member_) {
        throw_ends_early({});
    }
}

} // namespace sandbox::unpack
