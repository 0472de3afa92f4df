// SPDX-License-Identifier: Apache-2.0
// `sandbox build`: the world of a build, what it sees of its workspace, and what comes out of it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "build_fixture.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class BuildWorld : public BuildTest {};
class BuildInputs : public BuildTest {};
class BuildOutputs : public BuildTest {};
class BuildBadInput : public BuildTest {};

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
    RunOptions options;
    options.directory = workspace();
    options.environment = {{"GIT_COMMITTER_DATE", "1500000000 +0000"}};
    const std::string identity = "-c user.name=a -c user.email=a@b ";
    ASSERT_EQ(
        run({"sh", "-c", "git init -q . && echo x > f && git add f && git " + identity + "commit -qm x"},
            options)
            .status,
        0);
    // A stranger's configuration may name a program: it would run inside.
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

TEST_F(BuildInputs, ThatAreHiddenAndLookedForAreListedWithStrict) {
    put("a", "a");
    put("b", "b");
    const Result result =
        build("cd /tmp; cat /build/b /build/nosuch; cat /build/a > /dev/null", {"--strict", "--input", "a"});
    EXPECT_TRUE(contains(result.err, "sandbox: looked for, and hidden, for no --input names it: b\n"))
        << result.err;
    EXPECT_FALSE(contains(result.err, "names it: b, nosuch")) << result.err;
}

TEST_F(BuildOutputs, AreMovedAndTheRestIsDropped) {
    put("Makefile", "m");
    const Result result =
        build("mkdir out && echo 1 > out/a && echo 2 > log && chmod 750 out/a", {"--output", "out"});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.err, "sandbox: dropped, for no --output names it: log\n");
    EXPECT_EQ(listing(), "Makefile out out/a");
    struct stat status {};
    ASSERT_EQ(::stat((workspace() / "out/a").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0750U);
    EXPECT_EQ(status.st_uid, ::getuid());
}

TEST_F(BuildOutputs, WithoutAnyEveryChangeIsApplied) {
    put("kept", "k");
    put("removed", "r");
    put("dir/old", "o");
    put("emptied/old", "o");
    put("file", "f");
    const Result result = build(
        "rm removed; echo new > new; echo changed > kept; echo 2 > dir/more; "
        "rm -r emptied; mkdir emptied; echo 3 > emptied/new; rm file; mkdir file; touch file/x");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(listing(), "dir dir/more dir/old emptied emptied/new file file/x kept new");
    EXPECT_EQ(get("kept"), "changed\n");
}

TEST_F(BuildOutputs, DirectoriesBecomeFilesAndLinks) {
    put("a/x", "x");
    put("b/x", "x");
    EXPECT_EQ(build("rm -r a b; echo 1 > a; ln -s a b").status, 0);
    EXPECT_EQ(listing(), "a b");
    EXPECT_EQ(fs::read_symlink(workspace() / "b"), "a");
}

TEST_F(BuildOutputs, KeepTheirTimesAndHardLinks) {
    EXPECT_EQ(
        build("mkdir d; echo 1 > d/a; ln d/a d/b; touch -d @1000000000 d/a; touch -d @1100000000 d").status,
        0);
    struct stat a {};
    struct stat b {};
    struct stat d {};
    ASSERT_EQ(::stat((workspace() / "d/a").c_str(), &a), 0);
    ASSERT_EQ(::stat((workspace() / "d/b").c_str(), &b), 0);
    ASSERT_EQ(::stat((workspace() / "d").c_str(), &d), 0);
    EXPECT_EQ(a.st_mtime, 1000000000);
    EXPECT_EQ(a.st_ino, b.st_ino);
    EXPECT_EQ(d.st_mtime, 1100000000);
}

TEST_F(BuildOutputs, AreCopiedFromAnotherFileSystem) {
    struct stat memory {};
    struct stat here {};
    ASSERT_EQ(::stat(workspace().c_str(), &here), 0);
    if (::stat("/dev/shm", &memory) < 0 || memory.st_dev == here.st_dev || ::access("/dev/shm", W_OK) < 0) {
        GTEST_SKIP() << "/dev/shm is not another file system that can be written";
    }
    put("old", "old");
    const std::string root = "/dev/shm/sandbox-build-test." + std::to_string(::getpid());
    const Result result = build(
        "mkdir d; echo 1 > d/a; ln d/a d/b; ln -s a d/l; echo new > old; chmod 700 d/a; "
        "touch -d @1000000000 d/a",
        {"--root", root});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(listing(), "d d/a d/b d/l old");
    EXPECT_EQ(get("old"), "new\n");
    struct stat a {};
    struct stat b {};
    ASSERT_EQ(::stat((workspace() / "d/a").c_str(), &a), 0);
    ASSERT_EQ(::stat((workspace() / "d/b").c_str(), &b), 0);
    EXPECT_EQ(a.st_mtime, 1000000000);
    EXPECT_EQ(a.st_mode & 07777U, 0700U);
    EXPECT_EQ(a.st_ino, b.st_ino);
    fs::permissions(root, fs::perms::owner_all);
    (void)run({"chmod", "-R", "u+rwx", root});
    fs::remove_all(root);
}

TEST_F(BuildOutputs, ThatAreUpToDateNeedNotBeMade) {
    put("out/a", "1");
    EXPECT_EQ(build("true", {"--output", "out/a"}).status, 0);
    expect_failure(build("rm -r out", {"--output", "out/a"}), 125, "--output out/a", "has not made it");
    put("hidden", "h");
    expect_failure(build("true", {"--output", "hidden", "--input", "out"}), 125, "--output hidden",
                   "has not made it");
}

TEST_F(BuildOutputs, OfAFailureAreNone) {
    put("a", "a");
    EXPECT_EQ(build("echo b > a; touch new; exit 3").status, 3);
    EXPECT_EQ(get("a"), "a");
    EXPECT_EQ(listing(), "a");
}

TEST_F(BuildOutputs, OfAFailureAreKeptWhereAsked) {
    put("a", "a");
    put("b", "b");
    const std::string kept = (scratch() / "kept").string();
    const Result result = build("echo c > a; touch new; rm b; mkfifo pipe; exit 3", {"--keep-failed", kept});
    EXPECT_EQ(result.status, 3);
    EXPECT_EQ(read_text(kept + "/a"), "c\n");
    EXPECT_TRUE(fs::exists(kept + "/new"));
    EXPECT_FALSE(fs::exists(kept + "/b"));
    EXPECT_EQ(listing(), "a b");
    expect_failure(build("exit 3", {"--keep-failed", kept}), 125, "--keep-failed", "not empty");
}

TEST_F(BuildOutputs, UndeclaredOnesAreAnErrorWithStrict) {
    const Result result = build("touch a b", {"--strict", "--output", "a"});
    expect_failure(result, 125, "--strict", "no --output names: b");
    EXPECT_EQ(listing(), "");
}

TEST_F(BuildOutputs, ParallelBuildsDoNotDisturbEachOther) {
    put("shared", "s");
    std::vector<std::unique_ptr<Process>> builds;
    for (int i = 0; i < 8; ++i) {
        const std::string name = "out" + std::to_string(i);
        RunOptions options;
        options.directory = workspace();
        builds.push_back(std::make_unique<Process>(
            sandbox_command({"build", "--output", name, "--", "sh", "-c",
                             "test -z \"$(ls tmp 2>/dev/null)\" && echo mine > tmp && cat shared > " + name}),
            with_store(options)));
    }
    for (const auto& process : builds) {
        EXPECT_EQ(process->wait().status, 0);
    }
    EXPECT_EQ(listing(), "out0 out1 out2 out3 out4 out5 out6 out7 shared");
}

TEST_F(BuildOutputs, AReportTellsOfThem) {
    REQUIRE_PROGRAM("python3");
    put("a", "a");
    const std::string report = (scratch() / "report.json").string();
    const Result result = build("cat a > out; touch extra; ln -s out link",
                                {"--report", report, "--output", "out", "--output", "link", "--input", "a"});
    EXPECT_EQ(result.status, 0) << result.err;
    const Result read = run({"python3", "-c",
                             "import json, sys; r = json.load(open(sys.argv[1])); o = {x['path']: x for x in "
                             "r['outputs']}; print(r['command'][0], r['exit_status'], r['inputs'], "
                             "o['out']['sha256'][:8], o['out']['size'], o['link']['kind'], "
                             "r['undeclared_writes'], r['reads']['workspace'], r['hermetic'], "
                             "r['reads']['complete'], r['peak_memory'] > 0, '/etc/ld.so.cache' in "
                             "r['reads']['system'])",
                             report});
    // printf a | sha256sum
    EXPECT_EQ(read.out, "sh 0 ['a'] ca978112 1 symlink ['extra'] ['a'] True True True True\n") << read.err;
}

TEST_F(BuildOutputs, AReportTellsOfAFailureToo) {
    const std::string report = (scratch() / "report.json").string();
    EXPECT_EQ(build("exit 4", {"--report", report}).status, 4);
    EXPECT_TRUE(contains(read_text(report), "\"exit_status\":4")) << read_text(report);
    EXPECT_EQ(build("true", {"--report", report, "--output", "x"}).status, 125);
    EXPECT_TRUE(contains(read_text(report), "\"error\":\"--output x: the build has not made it\""));
}

TEST_F(BuildOutputs, AConfigurationFileNamesThem) {
    put("build.conf", "input = a\noutput = out\nenv = X=1\n");
    put("a", "a");
    EXPECT_EQ(build("ls -A; echo $X > out", {"--config", "build.conf"}).out, "a\n");
    EXPECT_EQ(get("out"), "1\n");
}

TEST_F(BuildOutputs, ABuildWithANetworkIsSaidNotToBeHermetic) {
    const std::string report = (scratch() / "report.json").string();
    EXPECT_EQ(build("ls /sys/class/net | grep -c eth0", {"--network", "slirp", "--report", report}).out,
              "1\n");
    EXPECT_TRUE(contains(read_text(report), "\"hermetic\":false"));
}

TEST_F(BuildOutputs, ABuildThatDeletesItsOwnTreeLeavesNothing) {
    put("a", "a");
    put("d/b", "b");
    EXPECT_EQ(build("rm -rf /build/* /build/.[!.]*; ls -A /build").status, 0);
    EXPECT_EQ(listing(), "");
}

TEST_F(BuildOutputs, ADaemonThatIsLeftBehindEndsWithTheBuild) {
    EXPECT_EQ(build("(setsid sleep 60 > /dev/null 2>&1 &) ; echo 1 > out").status, 0);
    EXPECT_EQ(get("out"), "1\n");
    EXPECT_TRUE(descendants().empty());
}

TEST_F(BuildOutputs, AnInterruptedBuildChangesNothing) {
    put("a", "a");
    RunOptions options;
    options.directory = workspace();
    Process process(sandbox_command({"build", "--", "sh", "-c", "echo b > a; echo started; sleep 60"}),
                    with_store(options));
    ASSERT_TRUE(process.wait_for_output("started"));
    process.signal(SIGINT);
    EXPECT_EQ(process.wait().status, 130);
    EXPECT_EQ(get("a"), "a");
}

TEST_F(BuildOutputs, TheStoreMayLieInTheWorkspace) {
    const Result result =
        build("echo 1 > out", {"--root", (workspace() / "store").string(), "--output", "out"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(get("out"), "1\n");
}

TEST_F(BuildBadInput, SaysWhatIsWrong) {
    put("a", "a");
    fs::create_symlink("a", workspace() / "link");
    fs::create_directory_symlink("/etc", workspace() / "outside");
    expect_failure(build("true", {"--input", "nosuch"}), 125, "--input nosuch", "there is no such file");
    expect_failure(build("true", {"--input", "*.q"}), 125, "--input *.q", "matches nothing");
    expect_failure(build("true", {"--input", "/etc"}), 125, "--input /etc", "absolute");
    expect_failure(build("true", {"--input", "../x"}), 125, "--input ../x", "leads out of the workspace");
    expect_failure(build("true", {"--input", "outside/passwd"}), 125, "--input outside/passwd",
                   "outside is a symbolic link");
    expect_failure(build("true", {"--output", ""}), 125, "--output", "empty path");
    expect_failure(build("true", {"--output", "x"}), 125, "--output x", "has not made it");
    expect_failure(build("true", {"--output", "a/../../x"}), 125, "--output a/../../x", "leads out");
    expect_failure(build("true", {"-C", "/nosuch"}), 125, "workspace /nosuch", "No such file");
    expect_failure(build("true", {"--network", "host"}), 125, "--network host",
                   "never has the host's network");
    expect_failure(build("true", {"--share", "pid"}), 125, "--share", "means nothing to build");
    expect_failure(build("true", {"--build-path", "/usr"}), 125, "--build-path /usr", "no place");
    expect_failure(build("true", {"--build-path", "here"}), 125, "--build-path here", "no place");
    expect_failure(build("true", {"--vary", "moon"}), 125, "--vary moon", "no variation moon");
    expect_failure(build("true", {"--check", "--report", "r"}), 125, "--check", "makes no report");
    RunOptions options;
    options.directory = workspace();
    expect_failure(sandbox({"build"}, options), 125, "build", "no command is named");
    expect_failure(sandbox({"build", "--", "nosuch-command"}, options), 127, "nosuch-command", "not found");
}

TEST_F(BuildBadInput, OverlappingOutputsAreOne) {
    EXPECT_EQ(build("mkdir -p out/b; echo 1 > out/b/c", {"--output", "out", "--output", "out/b/c"}).status,
              0);
    EXPECT_EQ(get("out/b/c"), "1\n");
}

TEST_F(BuildBadInput, AWorkspaceThatCannotBeWrittenIsSaidBefore) {
    fs::permissions(workspace(), fs::perms::owner_read | fs::perms::owner_exec);
    expect_failure(build("echo ran >&2", {"--output", "x"}), 125, "workspace", "cannot put outputs into");
    EXPECT_EQ(build("echo ran", {"--check"}).status, 0);
    fs::permissions(workspace(), fs::perms::owner_all);
}
