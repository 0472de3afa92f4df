// SPDX-License-Identifier: Apache-2.0
// The stream between decompression and the tar reader: its digest, length and end.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "unpack/tar_stream.hpp"

namespace sandbox::unpack {
namespace {

/// Gives a text in blocks of a size.
class TextSource final : public ByteSource {
  public:
    TextSource(std::string text, std::size_t block) : text_(std::move(text)), block_(block) {}

    std::span<const std::byte> next() override {
        const std::size_t size = std::min(block_, text_.size() - at_);
        const auto* const from = reinterpret_cast<const std::byte*>(text_.data() + at_);
        at_ += size;
        return {from, size};
    }

  private:
    std::string text_;
    std::size_t block_;
    std::size_t at_ = 0;
};

TEST(UnpackStream, DigestIsThatOfAllBytesHoweverTheyCome) {
    for (const std::size_t block : {1U, 2U, 3U, 100U}) {
        TextSource source{"abc", block};
        Sha256 hash;
        TarStream tar{source, hash};
        tar.drain();
        EXPECT_EQ(tar.total(), 3U);
        // FIPS 180-4's example.
        EXPECT_EQ(hash.finish(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

bool ends_in_zeros(const std::string& text, std::size_t block) {
    TextSource source{text, block};
    Sha256 hash;
    TarStream tar{source, hash};
    tar.drain();
    return tar.ends_in_zeros();
}

TEST(UnpackStream, EndMarkerIsSeenAcrossBlocks) {
    for (const std::size_t block : {1U, 7U, 511U, 512U, 513U, 5000U}) {
        EXPECT_TRUE(ends_in_zeros(std::string(600, 'x') + std::string(512, '\0'), block)) << block;
        EXPECT_TRUE(ends_in_zeros(std::string(10240, '\0'), block)) << block;
        EXPECT_FALSE(ends_in_zeros(std::string(600, 'x') + std::string(511, '\0'), block)) << block;
        EXPECT_FALSE(ends_in_zeros(std::string(1024, '\0') + "x", block)) << block;
        EXPECT_FALSE(ends_in_zeros(std::string(511, '\0'), block)) << block;
        EXPECT_FALSE(ends_in_zeros("", block)) << block;
    }
}

} // namespace
} // namespace sandbox::unpack
