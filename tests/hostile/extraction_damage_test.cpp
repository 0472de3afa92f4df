// SPDX-License-Identifier: Apache-2.0
// Archives cut off and with flipped bits, in every compression.
#include "hostile.hpp"

using namespace sandbox::test;

namespace {

struct Compression {
    const char* name;
    const char* program;
};

void PrintTo(const Compression& compression, std::ostream* stream) {
    *stream << compression.name;
}

class HostileDamage : public Hostile, public ::testing::WithParamInterface<Compression> {
  protected:
    /// A small archive with some of everything, compressed.
    std::string make() {
        std::string noise;
        for (unsigned i = 0, state = 1; i < 20'000; ++i) {
            state = state * 1103515245 + 12345;
            noise += static_cast<char>(state >> 16);
        }
        const std::string tar =
            raw_header({.name = "bin/", .type = '5'}) + raw_file({.name = "bin/noise"}, noise) +
            pax_header({{"mtime", "1.5"}, {"SCHILY.xattr.user.a", "b"}}) +
            raw_file({.name = "bin/text"}, std::string(9000, 't')) +
            raw_header({.name = "bin/link", .type = '2', .link = "text"}) +
            raw_header({.name = "bin/hard", .type = '1', .link = "bin/text"}) + end_marker();
        RunOptions options;
        options.input = tar;
        return run({"sh", "-c",
                    GetParam().program == std::string{"cat"} ? "cat"
                                                             : std::string{GetParam().program} + " -c"},
                   options)
            .out;
    }

    Result import_bytes(const std::string& bytes) {
        write_text(scratch() / "damaged", bytes);
        return import_file(scratch() / "damaged");
    }
};

} // namespace

TEST_P(HostileDamage, TruncatedAnywhere) {
    REQUIRE_PROGRAM(GetParam().program);
    const std::string whole = make();
    ASSERT_EQ(import_bytes(whole).status, 0);
    for (const std::size_t eighth : {1U, 2U, 3U, 4U, 5U, 6U, 7U}) {
        const Result result = import_bytes(whole.substr(0, whole.size() * eighth / 8));
        expect_failure(result, 125, "damaged", "");
        expect_safe_end(result);
    }
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{20}}) {
        expect_failure(import_bytes(whole.substr(0, size)), 125, "damaged", "");
    }
    EXPECT_EQ(trees().size(), 1U) << "only the whole one's";
}

TEST_P(HostileDamage, FlippedBits) {
    REQUIRE_PROGRAM(GetParam().program);
    std::string bytes = make();
    for (std::size_t i = 0; i < 24; ++i) {
        const std::size_t at = i < 12 ? i : bytes.size() * i / 24;
        const char before = bytes[at];
        bytes[at] = static_cast<char>(before ^ (1 << (i % 8)));
        expect_safe_end(import_bytes(bytes));
        bytes[at] = before;
    }
}

INSTANTIATE_TEST_SUITE_P(Of, HostileDamage,
                         ::testing::Values(Compression{"Plain", "cat"}, Compression{"Gzip", "gzip"},
                                           Compression{"Bzip2", "bzip2"}, Compression{"Xz", "xz"},
                                           Compression{"Zstd", "zstd"}, Compression{"Lz4", "lz4"}),
                         [](const auto& tested) { return std::string{tested.param.name}; });
