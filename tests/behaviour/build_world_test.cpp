// SPDX-License-Identifier: Apache-2.0
// `sandbox build`: the world of a build, and what it sees of its workspace.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "build_fixture.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class BuildWorld : public BuildTest {
  protected:
    /// Makes the workspace a repository with one commit of that time.
    void commit_at(const std::string& time) {
        RunOptions options;
        options.directory = workspace();
        options.environment = {{"GIT_COMMITTER_DATE", time}};
        const std::string identity = "-c user.name=a -c user.email=a@b ";
        ASSERT_EQ(
            run({"sh", "-c", "git init -q . && echo x > f && git add f && git " + identity + "commit -qm x"},
                options)
                .status,
            0);
    }
    /// 3 is a file that says so; 4 and up are closed.
    [[nodiscard]] RunOptions with_descriptor_3() const {
        const std::string path = scratch() / "three";
        write_text(path, "through 3\n");
        RunOptions options;
        options.in_child = [path] {
            const int fd = ::open(path.c_str(), O_RDONLY);
            (void)::dup2(fd, 3);
            (void)::close_range(4, ~0U, 0);
        };
        return options;
    }
};
class BuildInputs : public BuildTest {};

} // namespace

TEST_F(BuildWorld, IsTheSameForEveryone) {
    RunOptions options;
    options.environment = {{"EDITOR", "ed"}, {"LANG", "de_DE.UTF-8"}, {"HTTP_PROXY", "http://x:1"}};
    const Result result = build("env | sort; id; hostname; umask; pwd", {}, options);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out,
              "HOME=/homeless\nLANG=C.UTF-8\n"
              "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/build\n"
              "SOURCE_DATE_EPOCH=315532800\nTZ=UTC\n"
              "uid=1000(builder) gid=1000(builder) groups=1000(builder)\nsandbox\n0022\n/build\n");
}

TEST_F(BuildWorld, HasNoNetworkNoHomeAndNothingOfTheCallers) {
    const Result result = build(
        "ls -d /home /root /homeless /mnt /srv 2>/dev/null; ls -A /tmp /run; "
        "ls /sys/class/net; ls /dev | tr '\\n' ' '");
    EXPECT_EQ(result.out,
              "/run:\n\n/tmp:\nlo\nconsole fd full mqueue null ptmx pts random shm stderr stdin "
              "stdout tty urandom zero ");
}

TEST_F(BuildWorld, NothingButTheWorkspaceCanBeWritten) {
    const Result result = build(
        "for d in / /etc /usr /opt /var /var/lib; do touch $d/x 2>/dev/null && echo $d; done; touch x "
        "/tmp/x");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(listing(), "x");
}

TEST_F(BuildWorld, PassesTheEpochOfItsCallerOn) {
    RunOptions options;
    options.environment = {{"SOURCE_DATE_EPOCH", "1234567890"}};
    EXPECT_EQ(build("echo $SOURCE_DATE_EPOCH", {}, options).out, "1234567890\n");
    EXPECT_EQ(build("echo $SOURCE_DATE_EPOCH", {"--epoch", "7"}, options).out, "7\n");
    options.environment = {{"SOURCE_DATE_EPOCH", "now"}};
    expect_failure(build("true", {}, options), 125, "SOURCE_DATE_EPOCH=now", "not a number of seconds");
}

TEST_F(BuildWorld, TakesTheEpochOfTheLastCommit) {
    REQUIRE_PROGRAM("git");
    commit_at("1500000000 +0000");
    // A stranger's configuration may name a program: it would run inside.
    RunOptions options;
    options.directory = workspace();
    ASSERT_EQ(
        run({"git", "config", "core.fsmonitor", "touch " + (scratch() / "ran").string()}, options).status, 0);
    EXPECT_EQ(build("echo $SOURCE_DATE_EPOCH", {"--epoch", "git", "--input", "f"}).out, "1500000000\n");
    EXPECT_FALSE(fs::exists(scratch() / "ran"));
}

TEST_F(BuildWorld, SaysWhenGitTellsNoTime) {
    const Result result = build("true", {"--epoch", "git"});
    EXPECT_EQ(result.status, 125);
    EXPECT_TRUE(contains(result.err, "sandbox: --epoch git: git tells no time of a last commit\nhint: "))
        << result.err;
}

TEST_F(BuildWorld, PreservedDescriptorsAreTheCommandsAndNotGits) {
    REQUIRE_PROGRAM("git");
    commit_at("1500000000 +0000");
    const Result result = build("cat <&3 > o; echo $SOURCE_DATE_EPOCH >> o",
                                {"--epoch", "git", "--preserve-fds", "8", "-o", "o"}, with_descriptor_3());
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(get("o"), "through 3\n1500000000\n");
}

TEST_F(BuildWorld, ReleasingPreservedDescriptorsLeavesTheRunsLockAlone) {
    // Without it another start would take the directory that this one writes to.
    REQUIRE_PROGRAM("git");
    REQUIRE_PROGRAM("flock");
    commit_at("1500000000 +0000");
    RunOptions options = with_store(with_descriptor_3());
    options.directory = workspace();
    options.keep_stdin_open = true;
    Process process{sandbox_command({"build", "--epoch", "git", "--preserve-fds", "30", "--", "sh", "-c",
                                     "echo up; read line; echo $line"}),
                    options};
    ASSERT_TRUE(process.wait_for_output("up"));
    unsigned locked = 0;
    for (const auto& kind : fs::directory_iterator{store() / "runs"}) {
        locked += run({"flock", "-n", kind.path() / "0", "true"}).status == 1 ? 1 : 0;
    }
    EXPECT_GE(locked, 1U) << "nobody holds the live run's directory";
    process.send("on\n");
    process.close_stdin();
    const Result result = process.wait();
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "up\non\n");
}

TEST_F(BuildWorld, ACheckHasNoDescriptorsToPreserve) {
    // The second build would find them read to their end.
    expect_failure(build("true", {"--check", "--preserve-fds", "8"}, with_descriptor_3()), 125,
                   "--check, --preserve-fds");
}

TEST_F(BuildWorld, EnvironmentCanBeAdded) {
    RunOptions options;
    options.environment = {{"MINE", "1"}};
    EXPECT_EQ(build("echo $MINE $YOURS", {"-e", "MINE", "-e", "YOURS=2"}, options).out, "1 2\n");
}

TEST_F(BuildWorld, DoesNotReadTheUsersDefaults) {
    fs::create_directories(scratch() / "config/sandbox");
    write_text(scratch() / "config/sandbox/sandbox.conf", "env = MINE=1\n");
    RunOptions options;
    options.environment = {{"XDG_CONFIG_HOME", (scratch() / "config").string()}};
    EXPECT_EQ(build("echo $MINE", {}, options).out, "\n");
}

TEST_F(BuildWorld, StartsWhereItsCallerIs) {
    fs::create_directory(workspace() / "sub");
    RunOptions options;
    options.directory = workspace() / "sub";
    EXPECT_EQ(build("pwd", {"-C", ".."}, options).out, "/build/sub\n");
    options.directory = "/";
    EXPECT_EQ(build("pwd", {"-C", workspace().string()}, options).out, "/build\n");
}

TEST_F(BuildWorld, SeesTheWorkspaceWhereItIsTold) {
    const std::string path = workspace().string();
    EXPECT_EQ(build("pwd; echo 1 > x", {"--build-path", path}).out, path + "\n");
    EXPECT_EQ(listing(), "x");
}

TEST_F(BuildWorld, UsesTheToolsOfAnImage) {
    put("file", "content\n");
    const Result result = build("test -x /bin/busybox && id -un && cat file > copy", {"--image", busybox()});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "builder\n");
    EXPECT_EQ(get("copy"), "content\n");
}

TEST_F(BuildWorld, PassesStatusSignalsAndPipesOn) {
    EXPECT_EQ(build("exit 7").status, 7);
    EXPECT_EQ(build("kill -9 $$").status, 137);
    RunOptions options;
    options.input = "in\n";
    EXPECT_EQ(build("cat; echo err >&2", {}, options).out, "in\n");
    EXPECT_EQ(build("sleep 60", {"--timeout", "0.2s"}).status, 124);
}

TEST_F(BuildWorld, DryRunTouchesNothing) {
    const Result result = build("touch x", {"--dry-run"});
    EXPECT_TRUE(contains(result.out, "capabilities: none\n") && contains(result.out, "calls: filtered"))
        << result.out;
    EXPECT_TRUE(contains(build("true", {"--dry-run", "--seccomp", "unconfined"}).out, "calls: unfiltered"));
    EXPECT_TRUE(contains(result.out, "workspace " + workspace().string() + " on /build")) << result.out;
    EXPECT_EQ(listing(), "");
}

TEST_F(BuildInputs, AreAllThatIsSeen) {
    put("src/a.c", "a");
    put("src/b.c", "b");
    put("src/.secret", "s");
    put("lib/deep/c.h", "c");
    put(".git/config", "g");
    put("Makefile", "m");
    EXPECT_EQ(build("find . | sort | tr '\\n' ' '", {"--input", "src/*.c", "--input", "lib"}).out,
              ". ./lib ./lib/deep ./lib/deep/c.h ./src ./src/a.c ./src/b.c ");
    EXPECT_EQ(
        build("find . -type f | sort | tr '\\n' ' '", {"--input", "**/*.h", "--input", "./Makefile"}).out,
        "./Makefile ./lib/deep/c.h ");
    EXPECT_EQ(build("cat src/.secret 2>/dev/null || echo hidden", {"--input", "src/a.c"}).out, "hidden\n");
}

TEST_F(BuildInputs, CanBeWrittenInsideAndStayAsTheyWere) {
    put("src/a.c", "a");
    const Result result =
        build("echo changed > src/a.c && cat src/a.c", {"--input", "src", "--output", "out", "-e", "X=1"});
    EXPECT_EQ(result.out, "changed\n");
    EXPECT_EQ(result.status, 125); // out was not made
    EXPECT_EQ(get("src/a.c"), "a");
}

TEST_F(BuildInputs, DirectoriesThatOutputsGoToAreSeenEmpty) {
    put("a.c", "a");
    put("out/obj/old.o", "o");
    put("out/secret", "s");
    const Result result = build("find . | sort | tr '\\n' ' '; cp a.c out/obj/a.o",
                                {"--input", "a.c", "--output", "out/obj/*.o"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, ". ./a.c ./out ./out/obj ");
    EXPECT_EQ(listing(), "a.c out out/obj out/obj/a.o out/obj/old.o out/secret");
    EXPECT_EQ(build("ls out | grep . && exit 1; cp a.c out/obj/b.o",
                    {"--check", "--input", "a.c", "--output", "out/obj/b.o"})
                  .status,
              1); // out holds obj
    EXPECT_EQ(build("cp a.c out/obj/b.o", {"--check", "--input", "a.c", "--output", "out/obj/b.o"}).status,
              0);
}

TEST_F(BuildInputs, ThatAreReadAreSuggested) {
    put("a", "a");
    put("b", "b");
    put("sub/c", "c");
    const Result result = build("cat a sub/c > out; cat out", {"--suggest-inputs", "--output", "out"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "input = a\ninput = sub/c\n");
}

TEST_F(BuildInputs, ThatAreSuggestedCanBeReadBack) {
    const std::vector<std::string> names{"#c", " lead", "tail ", "[ab].c", "a.c"};
    for (const std::string& name : names) {
        put(name, name);
    }
    Result result = build("cat '#c' ' lead' 'tail ' '[ab].c'", {"--suggest-inputs"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(contains(result.err, "# no line can name #c\n")) << result.err;
    write_text(scratch() / "build.conf", result.err);
    result = build("ls", {"--config", (scratch() / "build.conf").string()});
    EXPECT_EQ(lines_of(result.out), (std::vector<std::string>{" lead", "[ab].c", "tail "})) << result.err;
}

TEST_F(BuildInputs, ThatAreHiddenAndLookedForAreListedWithStrict) {
    put("a", "a");
    put("b", "b");
    const Result result =
        build("cd /tmp; cat /build/b /build/nosuch; cat /build/a > /dev/null", {"--strict", "--input", "a"});
    EXPECT_TRUE(contains(result.err, "sandbox: looked for, and hidden, for no --input names it: b\n"))
        << result.err;
    EXPECT_FALSE(contains(result.err, "names it: b, nosuch")) << result.err;
}
