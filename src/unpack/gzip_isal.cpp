// SPDX-License-Identifier: Apache-2.0
// gzip by ISA-L's igzip, which inflates several times as fast as zlib.
#include <isa-l/igzip_lib.h>

#include "unpack/decompress.hpp"

namespace sandbox::unpack {

struct GzipSource::State {
    inflate_state stream{};
};

GzipSource::GzipSource(ByteSource& source) : DecompressingSource(source), state_(std::make_unique<State>()) {
    isal_inflate_init(&state_->stream);
    state_->stream.crc_flag = ISAL_GZIP; // a header is wanted, and the trailer compared
}

GzipSource::~GzipSource() = default;

/// After a member: whether another one follows. Anything else there (padding) is not looked at, as in
/// gzip(1).
bool GzipSource::next_member() {
    constexpr std::byte magic{0x1f};
    if (!refill() || input_.front() != magic) {
        return false;
    }
    // All of it is this member's: what ISA-L reads ahead within a member it gives back at the member's end.
    isal_inflate_reset(&state_->stream);
    state_->stream.crc_flag = ISAL_GZIP;
    in_member_ = true;
    return true;
}

std::size_t GzipSource::decompress(std::span<std::byte> output) {
    if (!in_member_ && !next_member()) {
        input_ = {};
        return 0;
    }
    inflate_state& stream = state_->stream;
    // The interface predates const; it does not write there.
    stream.next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(input_.data()));
    stream.avail_in = static_cast<std::uint32_t>(input_.size());
    stream.next_out = reinterpret_cast<std::uint8_t*>(output.data());
    stream.avail_out = static_cast<std::uint32_t>(output.size());
    switch (isal_inflate(&stream)) {
        case ISAL_DECOMP_OK:
        case ISAL_END_INPUT:
        case ISAL_OUT_OVERFLOW:
            break;
        case ISAL_INCORRECT_CHECKSUM:
            throw_damaged("incorrect data check", {});
        default:
            throw_damaged("not what gzip writes", {});
    }
    // After an error it may be anything, even less than nothing; so it is not believed here either.
    if (stream.avail_in > input_.size() || stream.avail_out > output.size()) {
        throw_damaged("not what gzip writes", {});
    }
    input_ = input_.last(stream.avail_in);
    in_member_ = stream.block_state != ISAL_BLOCK_FINISH;
    return output.size() - stream.avail_out;
}

void GzipSource::end_of_input() {
    if (in_member_) {
        throw_ends_early({});
    }
}

} // namespace sandbox::unpack
