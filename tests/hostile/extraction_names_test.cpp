// SPDX-License-Identifier: Apache-2.0
// Archives with names, numbers and headers that no honest one has.
#include <sys/stat.h>

#include "hostile.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

std::string file(const std::string& name, const std::string& data = "x") {
    return raw_file({.name = name}, data);
}

std::string with_long_name(const std::string& name) {
    return gnu_long('L', name) + file(name.substr(0, 100));
}

std::string repeated(const std::string& text, std::size_t times) {
    std::string result;
    for (std::size_t i = 0; i < times; ++i) {
        result += text;
    }
    return result;
}

} // namespace

TEST_F(Hostile, NamesOf4096Bytes) {
    const std::string part = std::string(254, 'n') + "/"; // sixteen of these are 4080 bytes
    expect_refused(with_long_name(repeated(part, 16) + std::string(16, 'n')), "nnn",
                   "longer than 4095 bytes");
    expect_refused(with_long_name("bin/" + std::string(256, 'n')), "nnn", "longer than 255 bytes");
    expect_taken(with_long_name(repeated(part, 16) + std::string(15, 'n')));
}

TEST_F(Hostile, AnEmptyName) {
    expect_refused(file(""), "", "");
    expect_refused(pax_header({{"path", ""}}) + file(""), "", "");
}

TEST_F(Hostile, DeepNesting) {
    expect_refused(with_long_name(repeated("d/", 600) + "f"), "d/d/d", "deeper than 512");
    expect_refused(with_long_name(repeated("d/", 100'000) + "f"), "d/d/d", "deeper than 512");
    expect_taken(with_long_name(repeated("d/", 511) + "f"));
}

TEST_F(Hostile, DuplicateEntries) {
    std::string entries;
    for (int i = 0; i < 500; ++i) {
        entries += file("bin/again", std::to_string(i)) + raw_header({.name = "bin/again", .type = '5'}) +
                   file("bin/again/below") + raw_header({.name = "bin/again", .type = '2', .link = "/"});
    }
    expect_taken(entries + file("bin/again", "last"));
    EXPECT_EQ(read_text(in_tree("bin/again")), "last");
}

TEST_F(Hostile, AHardLinkToItselfAndLinksInACircle) {
    expect_refused(raw_header({.name = "bin/self", .type = '1', .link = "bin/self"}), "bin/self",
                   "does not come before");
    expect_taken(file("bin/a", "kept") + raw_header({.name = "bin/b", .type = '1', .link = "bin/a"}) +
                 raw_header({.name = "bin/a", .type = '1', .link = "bin/b"}) +
                 raw_header({.name = "bin/a", .type = '1', .link = "bin/a"}));
    EXPECT_EQ(read_text(in_tree("bin/a")), "kept");
}

TEST_F(Hostile, NulInNames) {
    using namespace std::string_literals;
    // A C string ends there: so does the name, and nothing behind it is looked at.
    const Result result =
        import(pax_header({{"path", "bin/short\0/../../outside/secret"s}}) + file("bin/other"));
    expect_safe_end(result);
    const Result link =
        import(pax_header({{"linkpath", "/\0/x"s}}) + raw_header({.name = "l", .type = '2', .link = "x"}));
    expect_safe_end(link);
}

TEST_F(Hostile, NamesThatAreNotUtf8) {
    const std::string name = "bin/latin-\xe9\xff\xc0\xaf";
    expect_taken(file(name) + pax_header({{"hdrcharset", "BINARY"}, {"path", name + "2"}}) + file("x"));
    EXPECT_TRUE(fs::exists(in_tree(name)));
    EXPECT_TRUE(fs::exists(in_tree(name + "2")));
}

TEST_F(Hostile, NamesThatDriveTheTerminalAreShownEscaped) {
    const Result result = import(file("bin/\x1b[2J\n\t\\/../x"));
    expect_failure(result, 125, "\\x1b[2J\\x0a", "'..'");
    EXPECT_EQ(result.err.find('\x1b'), std::string::npos);
}

TEST_F(Hostile, NewlineNames) {
    expect_taken(file("bin/new\nline\t") + file("bin/ "));
    EXPECT_TRUE(fs::exists(in_tree("bin/new\nline\t")));
}

TEST_F(Hostile, AbsurdSizes) {
    for (const std::string& size :
         {base256(INT64_MAX, 12), base256(INT64_MIN, 12), base256(-1, 12), std::string{"77777777777"},
          std::string{"99999999999"}, std::string(12, '\xff'), std::string{"-1"}, std::string{"\x80"}}) {
        expect_safe_end(import(raw_header({.name = "bin/absurd", .size = size})));
        expect_safe_end(
            import(raw_header({.name = "bin/absurd/", .type = '5', .size = size}) + file("bin/next")));
        expect_safe_end(import(raw_header({.name = "bin/absurd", .type = '2', .link = "x", .size = size})));
    }
    expect_refused(
        raw_header({.name = "bin/absurd", .size = base256(INT64_MAX, 12)}) + std::string(2000, 'x'), "",
        "after bin");
    expect_safe_end(import(pax_header({{"size", "9223372036854775807"}}) + file("bin/absurd")));
    expect_safe_end(import(pax_header({{"size", "-5"}}) + file("bin/absurd")));
    expect_safe_end(import(pax_header({{"size", "99999999999999999999999999"}}) + file("bin/absurd")));
}

TEST_F(Hostile, PaxHeadersOfHugeSize) {
    // Said, but not there.
    expect_safe_end(import(raw_header({.name = "PaxHeaders/x", .type = 'x', .size = "77777777777"})));
    expect_safe_end(import(raw_header({.name = "././@LongLink", .type = 'L', .size = "77777777777"})));
    // There: an attribute larger than Linux takes, a name of 8 MB, a hundred thousand records.
    expect_safe_end(
        import(pax_header({{"SCHILY.xattr.user.large", std::string(100'000, 'x')}}) + file("bin/f")));
    expect_safe_end(import(pax_header({{"comment", std::string(8 << 20, 'x')}}) + file("bin/f")));
    expect_safe_end(import(gnu_long('L', std::string(8 << 20, 'x')) + file("bin/f")));
    expect_safe_end(
        import(raw_file({.name = "x", .type = 'x'}, repeated("12 path=x/x\n", 100'000)) + file("bin/f")));
}

TEST_F(Hostile, PaxRecordsThatAreNone) {
    for (const char* data : {"", "x", "0 a=b\n", "99 path=x\n", "5 a=b\n", "-1 a=b\n",
                             "99999999999999999999 a=b\n", "6 =b\n\n", "10 path=xxx", "8 path\n\n"}) {
        expect_safe_end(import(raw_file({.name = "x", .type = 'x'}, data) + file("bin/f")));
    }
}

TEST_F(Hostile, AGlobalPaxHeaderThatNamesEveryFile) {
    expect_safe_end(import(pax_header({{"path", "../outside/secret"}, {"uid", "4000000000"}}, 'g') +
                           file("bin/f") + file("bin/g")));
}

TEST_F(Hostile, NegativeTimes) {
    expect_taken(pax_header({{"mtime", "-5000000000.999999999"}, {"atime", "-1"}, {"ctime", "-1"}}) +
                 file("bin/old") + pax_header({{"mtime", "99999999999999999999"}}) + file("bin/late") +
                 pax_header({{"mtime", "1.1073741823"}}) + file("bin/now") + // UTIME_NOW
                 pax_header({{"mtime", "1.1073741822"}}) + file("bin/omit") +
                 raw_file({.name = "bin/field", .mtime = base256(-1000, 12)}, "x") +
                 pax_header({{"mtime", "nan"}}) + raw_header({.name = "bin/d/", .type = '5'}));
    EXPECT_EQ(stat_of("bin/field", "%Y"), "-1000");
    EXPECT_EQ(stat_of("bin/now", "%Y"), "1");
    EXPECT_EQ(stat_of("bin/omit", "%Y"), "1");
}

TEST_F(Hostile, IdsOf2To31AndMore) {
    for (const char* id : {"2147483648", "4294967294", "4294967295", "4294967296", "9223372036854775807"}) {
        expect_refused(pax_header({{"uid", id}}) + file("bin/owned"), "bin/owned",
                       "outside the sandbox's id range");
        expect_refused(pax_header({{"gid", id}}) + file("bin/owned"), "bin/owned",
                       "outside the sandbox's id range");
    }
    expect_refused(raw_file({.name = "bin/owned", .uid = base256(-1, 8)}, "x"), "bin/owned", "");
    expect_safe_end(import(raw_file({.name = "bin/owned", .gid = base256(INT64_MIN, 8)}, "x")));
}

TEST_F(Hostile, IdsOf2To31AreNoMatterWhereOwnersAreNotKept) {
    expect_taken(pax_header({{"uid", "4294967295"}, {"gid", "2147483648"}}) + file("bin/owned"),
                 {"--userns", "single"});
}

TEST_F(Hostile, KindsThatDoNotExist) {
    for (const char kind : {'7', 'A', 'M', 'V', 'N', 'Z', '\xff', '\0'}) {
        expect_safe_end(import(raw_file({.name = "bin/odd", .type = kind}, "x")));
    }
}

TEST_F(Hostile, HeadersWithAWrongChecksum) {
    expect_refused(file("bin/a") + raw_header({.name = "bin/b", .good_checksum = false}), "", "");
}

TEST_F(Hostile, SymlinkTargets) {
    expect_taken(gnu_long('K', std::string(4095, 't')) +
                 raw_header({.name = "bin/long", .type = '2', .link = "t"}));
    expect_refused(
        gnu_long('K', std::string(4096, 't')) + raw_header({.name = "bin/long", .type = '2', .link = "t"}),
        "bin/long", "too long");
    expect_refused(raw_header({.name = "bin/none", .type = '2'}), "bin/none", "no target");
}
