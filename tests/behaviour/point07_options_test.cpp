// SPDX-License-Identifier: Apache-2.0
// Point 7, first half: the options about files, mounts, the store, and `sandbox` itself.
#include <sys/stat.h>
#include <unistd.h>

#include "archive.hpp"
#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class Options : public SandboxTest {
  protected:
    /// A directory of the host's with a file in it.
    std::string shared() {
        fs::create_directories(scratch() / "shared");
        write_text(scratch() / "shared/file", "of the host\n");
        return scratch() / "shared";
    }
    std::string said(const std::string& text, const Arguments& options) {
        const Result result = script(text, options);
        EXPECT_EQ(result.status, 0) << result.err;
        return result.out;
    }
};

} // namespace

TEST_F(Options, VolumeBindsADirectoryForWriting) {
    EXPECT_EQ(said("cat /x/file; echo made > /x/new", {"-v", shared() + ":/x"}), "of the host\n");
    EXPECT_EQ(read_text(scratch() / "shared/new"), "made\n");
}

TEST_F(Options, VolumeBindsReadOnly) {
    EXPECT_EQ(
        said("cat /x/file; touch /x/new 2>/dev/null || echo refused", {"--volume", shared() + ":/x:ro"}),
        "of the host\nrefused\n");
}

TEST_F(Options, AReadOnlyVolumeCannotBeRemountedWritable) {
    EXPECT_EQ(said("mount -o remount,rw,bind /x 2>/dev/null; touch /x/new 2>/dev/null || echo refused",
                   {"-v", shared() + ":/x:ro"}),
              "refused\n");
}

TEST_F(Options, VolumeBindsAFile) {
    EXPECT_EQ(said("cat /etc/some/file", {"-v", shared() + "/file:/etc/some/file"}), "of the host\n");
}

TEST_F(Options, VolumeTakesARelativeSource) {
    (void)shared();
    RunOptions options;
    options.directory = scratch();
    EXPECT_EQ(script("cat /x/file", {"-v", "./shared:/x"}, options).out, "of the host\n");
}

TEST_F(Options, VolumesAreMountedInTheOrderGiven) {
    (void)shared();
    fs::create_directory(scratch() / "other");
    write_text(scratch() / "other/file", "later\n");
    EXPECT_EQ(said("cat /x/file", {"-v", shared() + ":/x", "-v", (scratch() / "other").string() + ":/x"}),
              "later\n");
}

TEST_F(Options, VolumesTakeNoSetuidBits) {
    EXPECT_EQ(
        said("awk '$2 == \"/x\" {print $4}' /proc/mounts | grep -c nosuid.*nodev", {"-v", shared() + ":/x"}),
        "1\n");
}

TEST_F(Options, ATargetThroughALinkOfTheImageStaysInside) {
    const std::string outside = scratch() / "outside";
    const std::string image =
        write_image(scratch() / "link.tar", {{.name = "to", .type = '2', .link = outside}});
    const Result result =
        sandbox({"run", "-v", shared() + ":/to/deep", image, "cat", outside + "/deep/file"});
    EXPECT_FALSE(fs::exists(outside)) << "made on the host";
    EXPECT_EQ(result.out, "of the host\n") << result.err;
}

TEST_F(Options, ATargetThroughALinkThatClimbsStaysInside) {
    const std::string image =
        write_image(scratch() / "link.tar",
                    {{.name = "up", .type = '2', .link = "../../../../../../../../.." + scratch().string()}});
    const Result result = sandbox({"run", "-v", shared() + ":/up/made", image, "true"});
    EXPECT_FALSE(fs::exists(scratch() / "made")) << "made on the host: " << result.err;
}

TEST_F(Options, ATargetInAVolumeOfTheHostIsNotMade) {
    const Result result = script("true", {"-v", shared() + ":/x", "-v", shared() + ":/x/new/place"});
    expect_failure(result, 125, "/x/new/place", "directory of the host", "make it there first");
    EXPECT_FALSE(fs::exists(scratch() / "shared/new"));
}

TEST_F(Options, MountBinds) {
    EXPECT_EQ(said("cat /x/file; touch /x/new 2>/dev/null || echo refused",
                   {"--mount", "type=bind,src=" + shared() + ",dst=/x,ro"}),
              "of the host\nrefused\n");
}

TEST_F(Options, MountTakesPodmansLongNames) {
    EXPECT_EQ(
        said("cat /x/file", {"--mount", "type=bind,source=" + shared() + ",destination=/x,readonly=true"}),
        "of the host\n");
}

TEST_F(Options, MountMakesATmpfs) {
    EXPECT_EQ(said("awk '$2 == \"/x\" {print $3}' /proc/mounts; stat -c %a /x",
                   {"--mount", "type=tmpfs,dst=/x,tmpfs-size=1m,tmpfs-mode=0700"}),
              "tmpfs\n700\n");
}

TEST_F(Options, TmpfsHasItsSizeAndMode) {
    EXPECT_EQ(said("stat -c %a /x; df -k /x | awk 'NR == 2 {print $2}'; dd if=/dev/zero of=/x/f bs=1M "
                   "count=3 2>/dev/null "
                   "|| echo full",
                   {"--tmpfs", "/x:size=2m,mode=1777"}),
              "1777\n2048\nfull\n");
}

TEST_F(Options, TmpfsHidesWhatTheImageHas) {
    EXPECT_EQ(said("ls /etc | wc -l", {"--tmpfs", "/etc"}), "0\n");
}

TEST_F(Options, WorkspaceIsBoundAtItsOwnPathAndStartedIn) {
    const std::string directory = shared();
    EXPECT_EQ(said("pwd; cat file; echo x > made", {"--workspace=" + directory}),
              directory + "\nof the host\n");
    EXPECT_TRUE(fs::exists(directory + "/made"));
}

TEST_F(Options, WorkspaceWithoutAValueTakesTheCurrentDirectoryAndNotTheImage) {
    RunOptions options;
    options.directory = shared();
    EXPECT_EQ(script("pwd", {"--workspace"}, options).out, shared() + "\n");
}

TEST_F(Options, FilesMadeInTheWorkspaceAreYours) {
    (void)said("touch made", {"--workspace=" + shared()});
    struct stat status {};
    ASSERT_EQ(::stat((scratch() / "shared/made").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, ::getuid());
}

TEST_F(Options, ReadOnlyLocksTheRoot) {
    EXPECT_EQ(said("touch /x 2>/dev/null || echo no; touch /etc/hosts.new 2>/dev/null || echo no; touch "
                   "/tmp/x && echo yes",
                   {"--read-only"}),
              "no\nno\nyes\n");
}

TEST_F(Options, RootNamesTheStore) {
    const std::string other = scratch() / "elsewhere/store";
    EXPECT_EQ(said("echo ok", {"--root", other}), "ok\n");
    EXPECT_TRUE(fs::exists(other + "/layers"));
    EXPECT_FALSE(fs::exists(store() / "layers"));
}

TEST_F(Options, TheStoreIsYoursAlone) {
    (void)said("true", {});
    struct stat status {};
    ASSERT_EQ(::stat(store().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
}

TEST_F(Options, TheStoreLiesInXdgDataHomeByDefault) {
    RunOptions options;
    options.environment = {{"SANDBOX_ROOT", std::nullopt}, {"XDG_DATA_HOME", (scratch() / "data").string()}};
    EXPECT_EQ(run(sandbox_command({"run", busybox(), "true"}), options).status, 0);
    EXPECT_TRUE(fs::exists(scratch() / "data/sandbox/layers"));
}

TEST_F(Options, ConfigReadsLongNames) {
    write_text(scratch() / "conf",
               "# a comment\nhostname = from-file\nenv = A=1\nenv = B=2\nnetwork = none\nread-only=true\n");
    EXPECT_EQ(said("hostname; echo $A$B; ls /sys/class/net; touch /x 2>/dev/null || echo no",
                   {"--config", scratch() / "conf"}),
              "from-file\n12\nlo\nno\n");
}

TEST_F(Options, TheCommandLineWinsOverConfig) {
    write_text(scratch() / "conf", "hostname = from-file\n");
    EXPECT_EQ(said("hostname", {"-h", "from-line", "--config", scratch() / "conf"}), "from-line\n");
}

TEST_F(Options, TheUsersConfigIsReadFromXdgConfigHome) {
    fs::create_directories(scratch() / "conf/sandbox");
    write_text(scratch() / "conf/sandbox/sandbox.conf", "hostname = users-own\n");
    RunOptions options;
    options.environment = {{"XDG_CONFIG_HOME", (scratch() / "conf").string()}};
    EXPECT_EQ(script("hostname", {}, options).out, "users-own\n");
}

TEST_F(Options, AUsersConfigThatCannotBeReadIsAnError) {
    const fs::path directory = scratch() / "conf/sandbox";
    fs::create_directories(directory);
    write_text(directory / "sandbox.conf", "network = none\n", 0);
    RunOptions options;
    options.environment = {{"XDG_CONFIG_HOME", (scratch() / "conf").string()}};
    const std::string path = (directory / "sandbox.conf").string();
    expect_failure(script("true", {}, options), 125, path, "Permission denied", "make it readable");
    fs::permissions(directory, fs::perms::none);
    expect_failure(script("true", {}, options), 125, path, "Permission denied");
    fs::permissions(directory, fs::perms::owner_all);
    fs::remove(path);
    fs::create_symlink("sandbox.conf", path);
    expect_failure(script("true", {}, options), 125, path, "symbolic links");
    fs::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    expect_failure(script("true", {}, options), 125, path, "FIFO");
}

TEST_F(Options, AnotherUsersConfigThatCannotBeReadIsNone) {
    RunOptions options;
    options.environment = {{"XDG_CONFIG_HOME", "/root/.config"}};
    if (::access("/root", X_OK) == 0) {
        GTEST_SKIP() << "/root can be entered here";
    }
    EXPECT_EQ(script("true", {}, options).status, 0);
}

TEST_F(Options, NothingIsReadFromTheCurrentDirectory) {
    for (const char* name : {"sandbox.conf", ".sandbox.conf", ".env"}) {
        write_text(scratch() / name, "hostname = planted\n");
    }
    RunOptions options;
    options.directory = scratch();
    EXPECT_EQ(script("hostname", {}, options).out, "sandbox\n");
}

TEST_F(Options, DryRunPrintsThePlanAndStartsNothing) {
    ASSERT_EQ(script("true").status, 0);
    const Result result =
        script("touch /x/made", {"--dry-run", "-v", shared() + ":/x", "-h", "planned", "--network", "none"});
    EXPECT_EQ(result.status, 0) << result.err;
    for (const char* part : {"/x", "planned", "touch /x/made", "/proc", "overlay"}) {
        EXPECT_TRUE(contains(result.out, part)) << part << " is not in:\n" << result.out;
    }
    EXPECT_FALSE(fs::exists(scratch() / "shared/made"));
}

TEST_F(Options, DryRunPrintsJson) {
    REQUIRE_PROGRAM("python3");
    const Result result = sandbox({"run", "--dry-run", "--json", "host", "echo", "a \"quoted\" \\ word\n"});
    EXPECT_EQ(result.status, 0) << result.err;
    RunOptions options;
    options.input = result.out;
    EXPECT_EQ(run({"python3", "-c", "import json, sys; json.load(sys.stdin)"}, options).status, 0)
        << result.out;
}

TEST_F(Options, DryRunMakesNoDomainAndImportsNothing) {
    const Result result = script("true", {"--dry-run"});
    EXPECT_EQ(result.status, 125) << "an image that is not imported has no plan";
    EXPECT_FALSE(fs::exists(store() / "layers"));
}

TEST_F(Options, LogLevelDebugSaysMoreOnStderrOnly) {
    const Result result = script("echo out", {"--log-level", "debug"});
    EXPECT_EQ(result.out, "out\n");
    EXPECT_TRUE(contains(result.err, "sandbox: debug: ")) << result.err;
}

TEST_F(Options, QuietLeavesOutNotes) {
    RunOptions options;
    options.directory = "/tmp";
    EXPECT_EQ(sandbox({"run", "--quiet", "host", "true"}, options).err, "");
}

TEST_F(Options, QuietLeavesErrors) {
    expect_failure(sandbox({"run", "--quiet", scratch() / "missing.tar", "true"}), 125, "missing.tar");
}

TEST_F(Options, HelpListsEveryOptionOfThisIssue) {
    const Result result = sandbox({"run", "--help"});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.err, "");
    for (const char* option :
         {"--volume",     "--mount",       "--tmpfs",   "--workspace",  "--read-only",    "--env",
          "--env-file",   "--clear-env",   "--workdir", "--user",       "--hostname",     "--userns",
          "--share",      "--time-offset", "--nested",  "--entrypoint", "--preserve-fds", "--tz",
          "--http-proxy", "--init",        "--no-init", "--tty",        "--no-tty",       "--timeout",
          "--kill-after", "--storage",     "--upper",   "--config",     "--root",         "--dry-run",
          "--log-level",  "--quiet",       "--network", "--domain",     "--home",         "--json",
          "--help"}) {
        EXPECT_TRUE(contains(result.out, option)) << option;
    }
}

TEST_F(Options, HelpOfEachCommandIsThere) {
    for (const Arguments& arguments : {Arguments{"help"}, Arguments{"--help"}, Arguments{"help", "run"},
                                       Arguments{"shell", "--help"}, Arguments{}}) {
        const Result result = sandbox(arguments);
        EXPECT_TRUE(contains(result.out, "usage: sandbox")) << result.err;
        EXPECT_EQ(result.status, 0);
    }
}

TEST_F(Options, VersionIsOneLine) {
    const Result result = sandbox({"--version"});
    EXPECT_EQ(result.status, 0);
    EXPECT_TRUE(result.out.starts_with("sandbox ")) << result.out;
    EXPECT_EQ(lines_of(result.out).size(), 1U);
}

TEST_F(Options, TzNamesAZone) {
    if (!fs::exists("/usr/share/zoneinfo/Asia/Tokyo")) {
        GTEST_SKIP() << "the host has no zoneinfo (tzdata)";
    }
    EXPECT_EQ(said("date -d @0 +%H", {"--tz", "Asia/Tokyo", "--clear-env"}), "09\n");
}

TEST_F(Options, TzLocalIsTheHosts) {
    if (!fs::exists("/etc/localtime")) {
        GTEST_SKIP() << "the host has no /etc/localtime";
    }
    EXPECT_EQ(said("md5sum < /etc/localtime", {"--tz", "local"}),
              run({"sh", "-c", "md5sum < /etc/localtime"}).out);
}

TEST_F(Options, TzReachesTheHostsPrograms) {
    if (!fs::exists("/usr/share/zoneinfo/Asia/Tokyo")) {
        GTEST_SKIP() << "the host has no zoneinfo (tzdata)";
    }
    EXPECT_EQ(sandbox({"run", "--tz", "Asia/Tokyo", "host", "date", "-d", "@0", "+%H"}).out, "09\n");
}
