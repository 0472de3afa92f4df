// SPDX-License-Identifier: Apache-2.0
// `sandbox build`: what comes out of a build, and what is wrong with what it is asked.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "build_fixture.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class BuildOutputs : public BuildTest {};
class BuildBadInput : public BuildTest {};

} // namespace

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

TEST_F(BuildOutputs, ADirectoryThatIsMadeAnewHasNothingOfTheOldOne) {
    put("p/old", "old");
    put("p/q/old", "old");
    EXPECT_EQ(build("rm -r p; mkdir -p p/q; echo n > p/q/new; chmod 700 p").status, 0);
    EXPECT_EQ(listing(), "p p/q p/q/new");
    EXPECT_EQ(fs::status(workspace() / "p").permissions(), fs::perms::owner_all);
}

TEST_F(BuildOutputs, OfTheSameTimeAndSizeAreTaken) {
    const std::string set_time = "; touch -h -d @$SOURCE_DATE_EPOCH file link";
    EXPECT_EQ(build("printf AAAA > file; ln -s aaaa link" + set_time).status, 0);
    EXPECT_EQ(build("rm file link; printf BBBB > file; ln -s bbbb link" + set_time).status, 0);
    EXPECT_EQ(get("file"), "BBBB");
    EXPECT_EQ(fs::read_symlink(workspace() / "link"), "bbbb");
}

TEST_F(BuildOutputs, DirectoriesThatCannotBeWrittenAreTakenToo) {
    fs::create_directory(workspace() / "there");
    const Result result = build(
        "mkdir new new/unreadable; echo 1 > new/file; echo 2 > new/unreadable/file; chmod 300 "
        "new/unreadable; "
        "chmod 555 new; echo 3 > there/file; chmod 555 there . && echo 4 > z || true",
        {"--output", "new", "--output", "there"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(fs::status(workspace() / "new").permissions(), static_cast<fs::perms>(0555));
    EXPECT_EQ(fs::status(workspace() / "new/unreadable").permissions(), static_cast<fs::perms>(0300));
    EXPECT_EQ(fs::status(workspace() / "there").permissions(), static_cast<fs::perms>(0555));
    EXPECT_EQ(get("new/unreadable/file"), "2\n");
    EXPECT_EQ(get("there/file"), "3\n");
    for (const char* directory : {"new", "new/unreadable", "there"}) {
        fs::permissions(workspace() / directory, fs::perms::owner_all);
    }
}

TEST_F(BuildOutputs, FilesThatCannotBeReadAreReportedAndComparedToo) {
    const std::string report = (scratch() / "report").string();
    const std::string text = "echo hello > file; chmod 111 file";
    const Result result = build(text, {"--report", report});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(fs::status(workspace() / "file").permissions(), static_cast<fs::perms>(0111));
    EXPECT_TRUE(
        contains(read_text(report), "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"))
        << read_text(report);
    const Result compared = build("rm file; " + text, {"--check"});
    EXPECT_EQ(compared.status, 0) << compared.err;
    EXPECT_TRUE(contains(compared.err, "order: file: cannot open: Permission denied")) << compared.err;
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

TEST_F(BuildOutputs, OfAFailureThatCannotBeKeptDoNotHideIt) {
    put("secret", "s", 0);
    const Result result = build("exit 3", {"--keep-failed", (scratch() / "kept").string()});
    EXPECT_EQ(result.status, 3);
    EXPECT_TRUE(contains(result.err, "secret")) << result.err;
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

/// One watch serves both places of a directory, and neither may lead to the other.
TEST_F(BuildOutputs, AReportTellsOfADirectoryThatIsMountedWithinItself) {
    const fs::path data = scratch() / "data";
    fs::create_directories(data / "b" / "c");
    write_text(data / "f", "f");
    const std::string report = (scratch() / "report.json").string();
    const Result result =
        build("cat /srv/f /srv/b/c/f",
              {"--report", report, "-v", data.string() + ":/srv:ro", "-v", data.string() + ":/srv/b/c:ro"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "ff");
    EXPECT_TRUE(contains(read_text(report), "\"/srv/f\"")) << read_text(report);
}

TEST_F(BuildOutputs, AReportGoesToStdoutOrAPipeToo) {
    EXPECT_TRUE(contains(build("exit 3", {"--report", "-"}).out, "\"exit_status\":3"));
    EXPECT_EQ(listing(), "");
    const std::string fifo = (scratch() / "fifo").string();
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    Process reader({"cat", fifo});
    EXPECT_EQ(build("true", {"--report", fifo}).status, 0);
    EXPECT_TRUE(contains(reader.wait().out, "\"exit_status\":0"));
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
    const Result result =
        build("ls /sys/class/net | grep -c eth0", {"--network", "slirp", "--report", report});
    EXPECT_EQ(result.out, "1\n");
    EXPECT_TRUE(contains(result.err, "sandbox: the build has a network, so it is not hermetic\n"))
        << result.err;
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
    Process process(sandbox_command({"build", "--", "sh", "-c", "echo b > a; echo started; exec sleep 60"}),
                    with_store(options));
    ASSERT_TRUE(process.wait_for_output("started"));
    process.signal(SIGINT);
    EXPECT_EQ(process.wait().status, 130);
    EXPECT_EQ(get("a"), "a");
}

TEST_F(BuildOutputs, ABuildThatIgnoresSignalsEndsAllTheSame) {
    put("a", "a");
    EXPECT_EQ(build("trap '' INT TERM HUP; echo b > a; while :; do sleep 1; done",
                    {"--timeout", "0.2s", "--kill-after", "0.2s"})
                  .status,
              137);
    EXPECT_EQ(get("a"), "a");
}

TEST_F(BuildOutputs, GoToAWorkspaceInMemory) {
    if (::access("/dev/shm", W_OK) < 0) {
        GTEST_SKIP() << "/dev/shm cannot be written";
    }
    const std::string place = "/dev/shm/sandbox-build-workspace." + std::to_string(::getpid());
    fs::create_directory(place);
    write_text(place + "/a", "a");
    const Result result = build("cat a > b; echo c > a", {"-C", place});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(read_text(place + "/b"), "a");
    EXPECT_EQ(read_text(place + "/a"), "c\n");
    fs::remove_all(place);
}

TEST_F(BuildOutputs, AFullWorkspaceIsSaidAndNothingHalfIsLeft) {
    REQUIRE_PROGRAM("unshare");
    const std::string script =
        "cd \"$2\" && mount -t tmpfs -o size=256k tmpfs . && cd \"$2\" && printf old > big && "
        "\"$0\" build --root \"$1\" -- sh -c 'dd if=/dev/zero of=big bs=1k count=512 2>/dev/null'; "
        "echo $? $(cat big) $(ls -A)";
    const Result result = run(
        {"unshare", "-Urm", "sh", "-c", script, sandbox_binary(), store().string(), workspace().string()});
    if (contains(result.err, "unshare")) {
        GTEST_SKIP() << "no mounts of a plain user's: " << result.err;
    }
    EXPECT_EQ(result.out, "125 old big\n") << result.err;
    EXPECT_TRUE(contains(result.err, "sandbox: big: ") && contains(result.err, "No space left on device"))
        << result.err;
}

/// ramfs has no user.* attributes: an overlay that writes there mounts, and cannot remove directories.
TEST_F(BuildOutputs, GoToAFileSystemWithoutAttributes) {
    REQUIRE_PROGRAM("unshare");
    const std::string script =
        "mount -t ramfs ramfs \"$1\" && cd \"$1\" && mkdir d && echo a >d/a && "
        "\"$0\" build --root \"$1/store\" --output d --output e -- "
        "sh -c 'rm -r d && mkdir d && echo b >d/b && mv d e && mkdir d'; "
        "echo $? $(ls d) $(cat e/b)";
    const Result result =
        run({"unshare", "-Urm", "sh", "-c", script, sandbox_binary(), workspace().string()});
    if (result.err.starts_with("unshare: ") || result.err.starts_with("mount: ")) {
        GTEST_SKIP() << "no mounts of a plain user's: " << result.err;
    }
    EXPECT_EQ(result.out, "0 b\n") << result.err;
    EXPECT_TRUE(contains(result.err, "an overlay of the workspace on disk does not work here")) << result.err;
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
    for (const char* directory : {"/", "/proc", "/sys"}) {
        expect_failure(build("true", {"-C", directory}), 125, std::string{"workspace "} + directory,
                       "no overlay can be mounted over it", "-C names");
    }
    expect_failure(build("true", {"-C", "/nosuch"}), 125, "workspace /nosuch", "No such file");
    expect_failure(build("true", {"--network", "host"}), 125, "--network host",
                   "never has the host's network");
    expect_failure(build("true", {"--share", "pid"}), 125, "--share", "means nothing to build");
    expect_failure(build("true", {"--build-path", "/usr"}), 125, "--build-path /usr", "no place");
    expect_failure(build("true", {"--build-path", "here"}), 125, "--build-path here", "no place");
    expect_failure(build("true", {"--vary", "moon"}), 125, "--vary moon", "no variation moon");
    expect_failure(build("true", {"--check", "--report", "r"}), 125, "--check", "makes no report");
    expect_failure(build("true", {"--report", "/nosuch/r"}), 125, "--report /nosuch/r", "No such file");
    expect_failure(build("true", {"--report", "."}), 125, "--report ", "Is a directory");
    expect_failure(build("true", {"--keep-failed", "kept"}), 125, "--keep-failed ", "lies in the workspace");
    expect_failure(build("true", {"--keep-failed", "/nosuch/d"}), 125, "--keep-failed /nosuch/d",
                   "No such file");
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
    // Of a workspace that the build could not write to either.
    expect_failure(build("true", {"--check"}), 125, "--check", "neither build made anything");
    fs::permissions(workspace(), fs::perms::owner_all);
}
