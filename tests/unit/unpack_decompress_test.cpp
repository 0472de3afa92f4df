// SPDX-License-Identifier: Apache-2.0
// The decompressors: streams one after the other, in pieces of any size; ends and checksums that are wrong.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "base/error.hpp"
#include "unpack/decompress.hpp"

namespace sandbox::unpack {
namespace {

class PieceSource final : public ByteSource {
  public:
    PieceSource(std::string bytes, std::size_t piece) : bytes_(std::move(bytes)), piece_(piece) {}

    std::span<const std::byte> next() override {
        const std::size_t size = std::min(piece_, bytes_.size() - at_);
        const auto* const from = reinterpret_cast<const std::byte*>(bytes_.data() + at_);
        at_ += size;
        return {from, size};
    }

  private:
    std::string bytes_;
    std::size_t piece_;
    std::size_t at_ = 0;
};

std::string decompress(const std::string& bytes, std::size_t piece) {
    PieceSource source{bytes, piece};
    const auto first = std::as_bytes(std::span{bytes}).first(std::min<std::size_t>(bytes.size(), 16));
    const std::unique_ptr<ByteSource> decompressed = open_decompressor(source, first);
    std::string text;
    for (auto block = decompressed->next(); !block.empty(); block = decompressed->next()) {
        text.append(reinterpret_cast<const char*>(block.data()), block.size());
    }
    return text;
}

std::string little_endian(std::uint32_t number, int size) {
    std::string bytes;
    for (int i = 0; i < size; ++i) {
        bytes += static_cast<char>(number >> (8 * i));
    }
    return bytes;
}

std::uint32_t crc32_of(const std::string& text) {
    return ::lzma_crc32(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), 0);
}

/// A member whose content is one stored block. RFC 1951, 3.2.4; RFC 1952, 2.3.
std::string gzip_member(const std::string& text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    return std::string{"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10} + '\x01' + little_endian(size, 2) +
           little_endian(~size, 2) + text + little_endian(crc32_of(text), 4) + little_endian(size, 4);
}

std::string zstd_frame(const std::string& text) {
    std::string bytes(ZSTD_compressBound(text.size()), '\0');
    bytes.resize(ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), 1));
    return bytes;
}

std::string xz_stream(const std::string& text) {
    std::string bytes(::lzma_stream_buffer_bound(text.size()), '\0');
    std::size_t size = 0;
    EXPECT_EQ(::lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, nullptr,
                                        reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                                        reinterpret_cast<std::uint8_t*>(bytes.data()), &size, bytes.size()),
              LZMA_OK);
    bytes.resize(size);
    return bytes;
}

struct Format {
    const char* name;
    std::string (*compress)(const std::string& text);
};
void PrintTo(const Format& format, std::ostream* stream) {
    *stream << format.name;
}
class Decompress : public ::testing::TestWithParam<Format> {};

const std::string long_text(60000, 'y');

} // namespace

TEST_P(Decompress, StreamsOneAfterTheOtherInPiecesOfAnySize) {
    const auto& compress = GetParam().compress;
    const std::string bytes = compress("one ") + compress("") + compress(long_text) + compress("three");
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, bytes.size()}) {
        EXPECT_EQ(decompress(bytes, piece), "one " + long_text + "three") << piece;
    }
}

TEST_P(Decompress, EveryEarlyEndIsAnError) {
    const std::string bytes = GetParam().compress("some text that is not very long");
    for (std::size_t size = 6; size < bytes.size(); ++size) {
        EXPECT_THROW((void)decompress(bytes.substr(0, size), 100), UsageError) << size;
    }
}

TEST_P(Decompress, AFlippedBitIsAnErrorOrHarmless) {
    const std::string text = "some text that is not very long";
    std::string bytes = GetParam().compress(text);
    for (std::size_t at = 6; at < bytes.size(); ++at) {
        bytes[at] = static_cast<char>(bytes[at] ^ 4);
        try {
            const std::string got = decompress(bytes, 100);
            // zstd's frames have no checksum unless asked; the tar's own digest is not compared with
            // anything.
            EXPECT_TRUE(got == text || GetParam().name == std::string_view{"Zstd"}) << at;
        } catch (const std::exception&) {
            // said, as it should be
        }
        bytes[at] = static_cast<char>(bytes[at] ^ 4);
    }
}

INSTANTIATE_TEST_SUITE_P(Of, Decompress,
                         ::testing::Values(Format{"Gzip", gzip_member}, Format{"Zstd", zstd_frame},
                                           Format{"Xz", xz_stream}),
                         [](const auto& tested) { return std::string{tested.param.name}; });

TEST(DecompressGzip, ZerosAfterTheLastMemberAreNobodysBusiness) {
    EXPECT_EQ(decompress(gzip_member("text") + std::string(1000, '\0'), 64), "text");
}

TEST(DecompressGzip, AWrongLengthIsAnError) {
    std::string bytes = gzip_member("text");
    bytes[bytes.size() - 4] = 5;
    EXPECT_THROW((void)decompress(bytes, 64), UsageError);
}

// Found by tests/fuzz: ISA-L's count of the bytes left was -2.
TEST(DecompressGzip, ALookbackBeforeTheBeginningIsAnError) {
    const std::string bytes{
        "\x1f\x8b\x08\x00\xf5\x68\x04\x6b\x02\xff\x4b\xca\xcc\xd3\x67\xa0\x31\x30\x00\x02\x73\x53\x53\x30\x0d"
        "\x04\xe8\x34\x16\xb6\x99\x09\x50\xb9\x82\x29\x03\x1d\x82\x51\x40\x36\x00\x00\x2f\x92\xaf\xee\x00"
        "\x0c",
        50};
    EXPECT_THROW((void)decompress(bytes + std::string(2, '\0'), 100), UsageError);
}

TEST(DecompressZstd, ASkippableFrameMayComeFirst) {
    EXPECT_EQ(decompress(std::string{"\x50\x2a\x4d\x18\x04\0\0\0", 8} + "skip" + zstd_frame("text"), 5),
              "text");
}

TEST(DecompressXz, RubbishAfterTheLastStreamIsAnError) {
    EXPECT_THROW((void)decompress(xz_stream("text") + "rubbish!", 64), UsageError);
}

} // namespace sandbox::unpack
