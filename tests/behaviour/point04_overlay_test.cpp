// SPDX-License-Identifier: Apache-2.0
// Point 4: a writable layer that vanishes, by each of the ways to make it; the image never changes.
#include <signal.h>
#include <unistd.h>

#include "archive.hpp"
#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

struct Way {
    const char* name;
    Arguments options;
    const char* root_type; ///< of / in /proc/mounts; "" for whatever the store lies on
};

void PrintTo(const Way& way, std::ostream* stream) {
    *stream << way.name;
}

class WritableOverlay : public SandboxTest, public ::testing::WithParamInterface<Way> {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        if (IsSkipped() || HasFatalFailure() || std::string{GetParam().name} != "Fuse") {
            return;
        }
        if (::access("/dev/fuse", R_OK | W_OK) < 0) {
            GTEST_SKIP() << "/dev/fuse is not usable";
        }
        if (!has_program("fuse-overlayfs")) {
            GTEST_SKIP() << "fuse-overlayfs is not installed";
        }
    }

    Result way_script(const std::string& text, Arguments more = {}) {
        more.insert(more.begin(), GetParam().options.begin(), GetParam().options.end());
        return script(text, more);
    }

    /// Names, modes, owners and content of every stored tree.
    [[nodiscard]] std::string trees() const {
        return run({"unshare", "--user", "--map-root-user", "--map-auto", "sh", "-c",
                    "cd \"$0\" && find . -printf '%p %m %U %G %s %l\\n' | sort && find . -type f | sort | "
                    "xargs md5sum",
                    (store() / "layers").string()})
            .out;
    }
};

const Way ways[] = {{"Default", {}, "overlay"},
                    {"OverlayDisk", {"--storage", "overlay", "--upper", "disk"}, "overlay"},
                    {"OverlayTmpfs", {"--storage", "overlay", "--upper", "tmpfs"}, "overlay"},
                    {"Fuse", {"--storage", "fuse"}, "fuse.fuse-overlayfs"},
                    {"Copy", {"--storage", "copy"}, ""}};

} // namespace

TEST_P(WritableOverlay, IsOfTheWantedKind) {
    const Result result = way_script("awk '$2 == \"/\" {print $3}' /proc/mounts");
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
    if (GetParam().root_type[0] != '\0') {
        EXPECT_EQ(trimmed(result.out), GetParam().root_type);
    } else {
        EXPECT_NE(trimmed(result.out), "overlay");
    }
}

TEST_P(WritableOverlay, TakesWritesAndForgetsThem) {
    const Result first = way_script("echo new > /etc/made; echo more >> /etc/passwd; cat /etc/made");
    EXPECT_EQ(first.out, "new\n") << first.err;
    EXPECT_EQ(way_script("ls /etc/made 2>/dev/null; grep -c more /etc/passwd").out, "0\n");
}

TEST_P(WritableOverlay, WritesDoNotReachTheImage) {
    ASSERT_EQ(way_script("true").status, 0);
    const std::string before = trees();
    ASSERT_FALSE(before.empty());
    const Result result = way_script(
        "echo more >> /etc/passwd; rm -r /home; mv /opt /opt2; chmod 700 /var; mkdir /etc/dir; echo x > "
        "/bin/busybox2; "
        "chown 1000 /etc/group");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(trees(), before);
}

TEST_P(WritableOverlay, RemovedFilesOfTheImageComeBack) {
    ASSERT_EQ(way_script("rm /etc/passwd && rm -r /home && test ! -e /home").status, 0);
    EXPECT_EQ(way_script("test -e /etc/passwd && test -d /home").status, 0);
}

TEST_P(WritableOverlay, DirectoriesOfTheImageCanBeRenamedAndReplaced) {
    const Result result = way_script(
        "mv /etc /etc2 2>/dev/null; cd /var && mkdir -p /opt/a/b && mv /opt /opt2 && "
        "ls -d /opt2/a/b && rm -r /opt2 && mkdir /opt2 && ls /opt2 | wc -l");
    EXPECT_EQ(result.out, "/opt2/a/b\n0\n") << result.err;
}

TEST_P(WritableOverlay, OtherUsersFilesCanBeWritten) {
    const Result result = way_script("touch /srv/f && chown 1000:1000 /srv/f && stat -c %u:%g /srv/f");
    EXPECT_EQ(result.out, "1000:1000\n") << result.err;
}

TEST_P(WritableOverlay, TheRootsModeIsTheImages) {
    EXPECT_EQ(way_script("stat -c '%a %u' /").out, "755 0\n");
}

TEST_P(WritableOverlay, HardLinksAndLinksCanBeMade) {
    EXPECT_EQ(way_script("cd /srv && echo x > a && ln a b && ln -s a c && cat b c && stat -c %h a").out,
              "x\nx\n2\n");
}

INSTANTIATE_TEST_SUITE_P(By, WritableOverlay, ::testing::ValuesIn(ways),
                         [](const auto& tested) { return std::string{tested.param.name}; });

namespace {
class WritableLayer : public SandboxTest {};
} // namespace

TEST_F(WritableLayer, TwoSandboxesDoNotSeeEachOthersWrites) {
    Process first{sandbox_command({"run", busybox(), "sh", "-c", "echo x > /made; echo ready; cat"}),
                  with_store({.keep_stdin_open = true})};
    ASSERT_TRUE(first.wait_for_output("ready"));
    EXPECT_EQ(script("test -e /made").status, 1);
    first.close_stdin();
    EXPECT_EQ(first.wait().status, 0);
}

TEST_F(WritableLayer, ReadOnlyRootsHaveWritableTmpRunAndVarTmp) {
    const Result result = script(
        "touch /etc/x 2>/dev/null || echo no; touch /tmp/x /run/x /var/tmp/x && echo yes", {"--read-only"});
    EXPECT_EQ(result.out, "no\nyes\n") << result.err;
}

/// ramfs has no user.* attributes: an overlay that writes there mounts, and cannot remove directories.
TEST_F(WritableLayer, LiesElsewhereWhereTheStoreKeepsNoAttributes) {
    REQUIRE_PROGRAM("unshare");
    fs::create_directory(scratch() / "ramfs");
    const std::string text =
        "mount -t ramfs ramfs \"$1\" && exec \"$0\" run --network none --root \"$1/store\" "
        "\"$2\" sh -c 'mv /bin /moved && PATH=/moved && rm -r /usr && mkdir /usr && ls -A /usr'";
    const Result result = run(
        {"unshare", "-Urm", "sh", "-c", text, sandbox_binary(), (scratch() / "ramfs").string(), busybox()});
    if (result.err.starts_with("unshare: ") || result.err.starts_with("mount: ")) {
        GTEST_SKIP() << "no mounts of a plain user's: " << result.err;
    }
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_TRUE(contains(result.err, "overlay on disk does not work here")) << result.err;
}

TEST_F(WritableLayer, FilesOfSubIdsAreRemovedFromTheStore) {
    const Result result = script("mkdir -m 700 /srv/d && touch /srv/d/f && chown -R 1000:1000 /srv/d");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(leftovers_in_store().empty());
}

TEST_F(WritableLayer, FilesOfSubIdsAreRemovedWithoutADomainToo) {
    EXPECT_EQ(
        script("mkdir -m 700 /srv/d && touch /srv/d/f && chown -R 1000:1000 /srv/d", {"--domain", "off"})
            .status,
        0);
    EXPECT_TRUE(leftovers_in_store().empty());
}

TEST_F(WritableLayer, DirectoriesWithoutAnyPermissionAreRemoved) {
    EXPECT_EQ(
        script("mkdir -p /srv/a/b && touch /srv/a/b/c && chmod 0 /srv/a/b /srv/a", {"--userns", "single"})
            .status,
        0);
    EXPECT_TRUE(leftovers_in_store().empty());
}

TEST_F(WritableLayer, AnImmenselyDeepTreeIsRemoved) {
    const Result result = script(
        "cd /srv; i=0; while [ $i -lt 600 ]; do mkdir dddddddddd && cd dddddddddd; i=$((i+1)); "
        "done 2>/dev/null; echo x > file");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(leftovers_in_store().empty());
}

TEST_F(WritableLayer, TheLayerIsUsedAgainByTheNextStart) {
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(script("echo x > /made").status, 0);
    }
    for (const auto& kind : fs::directory_iterator{store() / "runs"}) {
        EXPECT_EQ(std::distance(fs::directory_iterator{kind.path()}, fs::directory_iterator{}), 1)
            << kind.path();
    }
}

namespace {

/// Each start from the image with a map of another kind, and a build.
struct KilledStart {
    const char* name;
    Arguments options;
};

void PrintTo(const KilledStart& start, std::ostream* stream) {
    *stream << start.name;
}

class AfterAKill : public SandboxTest, public ::testing::WithParamInterface<KilledStart> {
  protected:
    /// `sandbox run OPTIONS` or a build, of the same kind each time.
    [[nodiscard]] Arguments start(const std::string& text) const {
        const bool is_build = GetParam().options.front() == "build";
        Arguments arguments = GetParam().options;
        if (is_build) {
            arguments.insert(arguments.end(), {"-C", scratch(), "--"});
        } else {
            arguments.push_back(busybox());
        }
        arguments.insert(arguments.end(), {"sh", "-c", text});
        return sandbox_command(arguments);
    }
    /// The run directories with their inodes: one that was set aside has another in its place.
    [[nodiscard]] std::string run_directories() const {
        return run({"find", (store() / "runs").string(), "-mindepth", "2", "-maxdepth", "2", "-printf",
                    "%P %i\\n"})
            .out;
    }
};

const KilledStart killed_starts[] = {
    {"Run", {"run"}},
    {"RunWithoutADomain", {"run", "--domain", "off"}},
    {"RunWithASingleId", {"run", "--userns", "single"}},
    {"RunAsYourself", {"run", "--userns", "keep-id"}},
    {"RunAsYourselfWithoutADomain", {"run", "--userns", "keep-id", "--domain", "off"}},
    {"Build", {"build"}}};

} // namespace

TEST_P(AfterAKill, TheNextStartIsOnTheDiskThoughNothingWasWritten) {
    // overlayfs's mark of a volatile mount lies where nobody may look: its directory has mode 0.
    for (int i = 0; i < 2; ++i) {
        Process process{start("echo up; exec sleep 1000"), with_store({.keep_stdin_open = true})};
        ASSERT_TRUE(process.wait_for_output("up"));
        process.signal(SIGKILL);
        (void)process.wait();
        ASSERT_TRUE(eventually([] { return descendants().empty(); }));
        const Result next = run(start("echo on"), with_store({}));
        EXPECT_EQ(next.out, "on\n");
        EXPECT_EQ(next.err, "") << "no other storage than that of any start";
        EXPECT_EQ(next.status, 0);
    }
}

TEST_P(AfterAKill, ADirectoryThatWasLeftCleanIsUsedAgain) {
    ASSERT_EQ(run(start("true"), with_store({})).status, 0);
    const std::string before = run_directories();
    EXPECT_NE(before, "");
    for (const char* text : {"true", "touch /tmp/made", "true"}) {
        const Result result = run(start(text), with_store({}));
        EXPECT_EQ(result.status, 0) << result.err;
        EXPECT_EQ(result.err, "");
        EXPECT_EQ(run_directories(), before) << "taken for what a killed run left";
    }
}

INSTANTIATE_TEST_SUITE_P(By, AfterAKill, ::testing::ValuesIn(killed_starts),
                         [](const auto& tested) { return std::string{tested.param.name}; });
