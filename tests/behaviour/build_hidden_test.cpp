// SPDX-License-Identifier: Apache-2.0
// What of the workspace --input does not show to a build is not the build's to change or to take away.
#include "build_fixture.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

using BuildHidden = BuildTest;

} // namespace

TEST_F(BuildHidden, StaysWhereADirectoryIsMovedIntoItsPlace) {
    put("in", "in");
    put(".git/precious", "kept");
    put("docs/keep", "kept");
    fs::permissions(workspace() / ".git", fs::perms::owner_all);
    const Result result =
        build("mkdir t; echo n > t/HEAD; mv t .git; mkdir u; echo n > u/x; mv u docs", {"--input", "in"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(listing(), ".git .git/HEAD .git/precious docs docs/keep docs/x in");
    EXPECT_EQ(fs::status(workspace() / ".git").permissions(), fs::perms::owner_all);
}

TEST_F(BuildHidden, StaysWhereItsDirectoryIsMadeAnew) {
    put("p/a", "a");
    put("p/b", "b");
    put("p/q/c", "c");
    put("p/q/d", "d");
    const Result result =
        build("rm -r p; mkdir -p p/q; echo n > p/q/n", {"--input", "p/a", "--input", "p/q/c"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(listing(), "p p/b p/q p/q/d p/q/n");
}

TEST_F(BuildHidden, StaysWhereItsDirectoryIsRemoved) {
    put("r/a", "a");
    put("r/b", "b");
    put("s/a", "a");
    const Result result = build("rm -r r s", {"--input", "r/a", "--input", "s/a"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(listing(), "r r/b");
}

TEST_F(BuildHidden, DirectoryIsNotReplacedByAFile) {
    put("in", "in");
    put("docs/keep", "kept");
    put("p/in", "in");
    put("p/keep", "kept");
    const std::string before = listing();
    for (const char* text : {"echo x > docs", "ln -s in docs", "rm -r p; echo x > p"}) {
        expect_failure(build(text, {"--input", "in", "--input", "p/in"}), 125, "output ",
                       "in its place lies a directory that the build was not shown", "--input names it");
    }
    EXPECT_EQ(listing(), before);
}

TEST_F(BuildHidden, FileOfAnEarlierBuildIsReplaced) {
    put("in", "in");
    put("out", "old");
    EXPECT_EQ(build("! test -e out && echo new > out", {"--input", "in", "--output", "out"}).status, 0);
    EXPECT_EQ(get("out"), "new\n");
}

TEST_F(BuildHidden, DirectoryIsNoPlaceToStartIn) {
    put("in", "in");
    put("docs/keep", "kept");
    RunOptions options;
    options.directory = workspace() / "docs";
    expect_failure(build("true", {"-C", workspace(), "--input", "in"}, options), 125, "/build/docs",
                   "No such file");
}
