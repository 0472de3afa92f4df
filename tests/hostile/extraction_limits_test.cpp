// SPDX-License-Identifier: Apache-2.0
// Archives that ask for much with few bytes: memory, disk, time.
#include <sys/stat.h>

#include <fstream>

#include "hostile.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

/// How much disk a tree takes.
std::uintmax_t disk_bytes(const fs::path& tree) {
    std::uintmax_t sum = 0;
    for (const auto& entry : fs::recursive_directory_iterator{tree}) {
        struct stat status {};
        if (::lstat(entry.path().c_str(), &status) == 0) {
            sum += static_cast<std::uintmax_t>(status.st_blocks) * 512;
        }
    }
    return sum;
}

/// A zstd frame of blocks of 128 KiB that say "this byte again", four bytes each. RFC 8878, 3.1.1.2.
class ZstdBomb {
  public:
    ZstdBomb& raw(const std::string& bytes) {
        for (std::size_t at = 0; at < bytes.size(); at += block) {
            const std::string part = bytes.substr(at, block);
            add(0, part.size());
            text_ += part;
        }
        return *this;
    }
    ZstdBomb& zeros(std::uint64_t size) {
        for (; size > 0; size -= std::min<std::uint64_t>(size, block)) {
            add(1, std::min<std::uint64_t>(size, block));
            text_ += '\0';
        }
        return *this;
    }
    std::string finish() {
        constexpr std::size_t last = 1;
        add(0, 0, last);
        return text_;
    }

  private:
    static constexpr std::size_t block = 128 << 10;

    void add(unsigned kind, std::uint64_t size, std::size_t last = 0) {
        const std::uint64_t header = size << 3 | kind << 1 | last;
        for (int i = 0; i < 3; ++i) {
            text_ += static_cast<char>(header >> (8 * i));
        }
    }

    std::string text_{"\x28\xb5\x2f\xfd\x00\x38", 6}; // no checksum, no size, a window of 128 KiB
};

std::string sparse(const std::string& name, const std::string& map, const std::string& size) {
    return pax_header({{"GNU.sparse.major", "1"},
                       {"GNU.sparse.minor", "0"},
                       {"GNU.sparse.name", name},
                       {"GNU.sparse.realsize", size}}) +
           raw_file({.name = "GNUSparseFile.0/" + name}, map);
}

std::string in_blocks(std::string map) {
    map.resize((map.size() + 511) / 512 * 512, '\0');
    return map;
}

} // namespace

TEST_F(Hostile, GigabytesOfZerosInKilobytes) {
    constexpr std::uint64_t size = std::uint64_t{2} << 30;
    const std::string bomb = ZstdBomb{}
                                 .raw(raw_header({.name = "bin/", .type = '5'}) +
                                      raw_header({.name = "bin/zeros", .size = octal_size(size)}))
                                 .zeros(size + 1024)
                                 .finish();
    EXPECT_LT(bomb.size(), 80U << 10);
    write_text(scratch() / "bomb.tar.zst", bomb);
    const Result result = import_file(scratch() / "bomb.tar.zst");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(fs::file_size(in_tree("bin/zeros")), size);
    EXPECT_LT(disk_bytes(in_tree("")), 1U << 20) << "zeros take no disk";
}

TEST_F(Hostile, ZerosAfterTheEndMarkerTakeNothing) {
    write_text(
        scratch() / "tail.tar.zst",
        ZstdBomb{}.raw(raw_header({.name = "bin/", .type = '5'})).zeros(std::uint64_t{1} << 30).finish());
    EXPECT_EQ(import_file(scratch() / "tail.tar.zst").status, 0);
}

TEST_F(Hostile, SparseBombs) {
    const std::string four_exabytes = "4611686018427387904";
    expect_safe_end(import(sparse("bin/bomb", in_blocks("1\n0\n0\n"), four_exabytes)));
    expect_safe_end(import(sparse("bin/bomb", in_blocks("1\n4611686018427387904\n0\n"), four_exabytes)));
    expect_safe_end(
        import(sparse("bin/bomb", in_blocks("1\n9223372036854775807\n512\n") + std::string(512, 'x'),
                      "9223372036854775807")));
    expect_safe_end(
        import(sparse("bin/bomb", in_blocks("2\n0\n512\n0\n512\n") + std::string(1024, 'x'), "512")));
    expect_safe_end(import(sparse("bin/bomb", in_blocks("1\n-1\n512\n") + std::string(512, 'x'), "-1")));
    expect_safe_end(import(sparse("bin/bomb", in_blocks("99999999999\n"), "512")));
    for (const fs::path& tree : trees()) {
        EXPECT_LT(disk_bytes(tree), 1U << 20);
    }
}

TEST_F(Hostile, ASparseMapOfAHundredThousandStretches) {
    std::string map = "100000\n";
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        map += std::to_string(i * 8192) + "\n0\n";
    }
    expect_safe_end(import(sparse("bin/map", in_blocks(map), "819200000")));
}

// A million would take minutes on a busy disk; what grows with their number is the list of directories alone,
// which limits.hpp bounds.
TEST_F(Hostile, AMillionEntriesScaledToTwentyThousand) {
    {
        std::ofstream archive{scratch() / "many.tar", std::ios::binary};
        archive << raw_header({.name = "bin/", .type = '5'});
        for (int i = 0; i < 10'000; ++i) {
            const std::string name = "d" + std::to_string(i % 100) + "/" + std::to_string(i);
            archive << raw_header({.name = name + "/", .type = '5'}) << raw_header({.name = name + "f"});
        }
        archive << end_marker();
    }
    const Result result = import_file(scratch() / "many.tar");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(fs::is_directory(in_tree("d99/9999")));
}

TEST_F(Hostile, MissingParentsCountAsEntriesDo) {
    std::string entries;
    for (int i = 0; i < 20; ++i) {
        std::string name = "p" + std::to_string(i);
        for (int depth = 0; depth < 250; ++depth) {
            name += "/d";
        }
        entries += gnu_long('L', name + "/f") + raw_file({.name = "f"}, "");
    }
    expect_taken(entries);
}

TEST_F(Hostile, AWindowBeyondWhatIsAllowed) {
    // A zstd frame that wants two gigabytes. RFC 8878, 3.1.1.1.2: exponent 21.
    write_text(scratch() / "window.tar.zst", std::string{"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", 9});
    expect_failure(import_file(scratch() / "window.tar.zst"), 125, "window.tar.zst", "more memory");
    // An xz stream whose block wants a dictionary of 4 GiB is one of AFlippedBit's.
}
