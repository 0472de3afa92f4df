// SPDX-License-Identifier: Apache-2.0
// Point 10: as root, and inside itself.
#include <sys/stat.h>
#include <unistd.h>

#include "archive.hpp"
#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

/// As root of the machine: a CI job in a container or a VM.
class AsRoot : public SandboxTest {
  protected:
    void SetUp() override {
        accepts_root_ = true;
        SandboxTest::SetUp();
        if (!IsSkipped() && ::geteuid() != 0) {
            GTEST_SKIP() << "only root can try what root gets";
        }
    }
};

class RootAndNested : public SandboxTest {
  protected:
    /// As root of a user namespace, with this user's whole range.
    Result as_root(const Arguments& arguments) {
        Arguments command{"unshare", "--user", "--map-root-user", "--map-auto", "--mount"};
        command.push_back(sandbox_binary());
        command.insert(command.end(), arguments.begin(), arguments.end());
        return run(command, with_store({}));
    }

    /// The built tree's place, to be bound into a sandbox: bin/ and libexec/ lie beside each other.
    static std::string prefix() { return fs::path{sandbox_binary()}.parent_path().parent_path(); }

    /// `sandbox run [options] OUTER sh -c TEXT`, where TEXT finds the built tree in /opt/sandbox and
    /// busybox.tar in /opt.
    Result in_outer(const std::string& image, const Arguments& options, const std::string& text) {
        Arguments arguments{"run"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        if (image == "host") {
            arguments.insert(arguments.end(), {"--tmpfs", "/opt"});
        } else {
            arguments.insert(arguments.end(), {"-v", "/usr:/usr:ro"});
        }
        arguments.insert(arguments.end(), {"-v", prefix() + ":/opt/sandbox:ro", "-v",
                                           busybox() + ":/opt/busybox.tar:ro", image, "sh", "-c", text});
        return sandbox(arguments);
    }

    /// An image that borrows the host's programs and libraries, of which the binaries need some.
    std::string outer_image() {
        if (!fs::is_symlink("/bin") || !fs::is_symlink("/lib")) {
            return {};
        }
        std::vector<Entry> entries{{"usr/", "", '5'}, {"opt/", "", '5'}, {"tmp/", "", '5'}};
        for (const char* name : {"bin", "sbin", "lib", "lib64"}) {
            entries.push_back({.name = name, .type = '2', .link = std::string{"usr/"} + name});
        }
        write_text(scratch() / "outer.tar", make_archive(entries));
        return scratch() / "outer.tar";
    }

    void expect_inner(const std::string& inner_options, const std::string& text, const std::string& output) {
        const std::string image = outer_image();
        if (image.empty()) {
            GTEST_SKIP() << "/bin and /lib of this host do not lie in /usr";
        }
        const Result result =
            in_outer(image, {"--nested"}, inner("--root /tmp/store " + inner_options, text));
        EXPECT_EQ(result.out, output) << result.err;
        EXPECT_EQ(result.status, 0);
    }

    static std::string inner(const std::string& options, const std::string& text) {
        return "/opt/sandbox/bin/sandbox run " + options + " /opt/busybox.tar sh -c '" + text + "'";
    }
};

} // namespace

TEST_F(AsRoot, RunsACommand) {
    const Result result = script("id -u; cat /etc/hostname");
    EXPECT_EQ(result.out, "0\nsandbox\n") << result.err;
}

TEST_F(AsRoot, IsNotTheHostsRootInsideWhereThereIsARange) {
    const Result result = script("awk '$1 == 0 {print $2}' /proc/self/uid_map", {"--network", "none"});
    EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(AsRoot, CannotWriteSysctls) {
    EXPECT_NE(script("echo 1 > /proc/sys/kernel/panic").status, 0);
    EXPECT_NE(script("echo h > /proc/sysrq-trigger").status, 0);
}

TEST_F(AsRoot, SeesTheHostsRoot) {
    EXPECT_EQ(sandbox({"run", "host", "sh", "-c", "touch /x 2>/dev/null || echo refused"}).out, "refused\n");
}

TEST_F(AsRoot, AUserWithoutARangeIsToldHowToGetOne) {
    fs::create_directory(scratch() / "nobodys");
    ASSERT_EQ(run({"chown", "nobody", scratch() / "nobodys"}).status, 0);
    ASSERT_EQ(::chmod(scratch().c_str(), 0755), 0);
    const Result result =
        run({"setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", sandbox_binary(), "run",
             "--root", scratch() / "nobodys/store", "--network", "none", busybox(), "id", "-u"},
            {.environment = {{"XDG_RUNTIME_DIR", std::nullopt}, {"HOME", (scratch() / "nobodys").string()}}});
    EXPECT_EQ(result.out, "0\n") << result.err;
    EXPECT_TRUE(contains(result.err, "nobody has no line in /etc/subuid")) << result.err;
    EXPECT_TRUE(contains(result.err, "\nhint: sudo usermod --add-subuids")) << result.err;
}

TEST_F(RootAndNested, RunsAsRootOfAUserNamespace) {
    const Result result =
        as_root({"run", "--network", "none", busybox(), "sh", "-c",
                 "id -u; touch /f && chown 1000:1000 /f && stat -c %u /f; echo gone > /etc/made"});
    EXPECT_EQ(result.out, "0\n1000\n") << result.err;
}

TEST_F(RootAndNested, RootOfAUserNamespaceHasANetwork) {
    if (::access("/dev/net/tun", R_OK | W_OK) < 0) {
        GTEST_SKIP() << "/dev/net/tun is not usable";
    }
    const Result result = as_root({"run", busybox(), "sh", "-c", "ip -4 addr | grep -c 10.0.2.15"});
    EXPECT_EQ(result.out, "1\n") << result.err;
}

TEST_F(RootAndNested, RootOfASingleIdNamespaceWorksToo) {
    const Result result = run({"unshare", "--user", "--map-root-user", sandbox_binary(), "run", "--network",
                               "none", busybox(), "id", "-u"},
                              with_store({}));
    EXPECT_EQ(result.out, "0\n") << result.err;
}

TEST_F(RootAndNested, ASandboxRunsInASandboxOfTheHost) {
    const Result result =
        in_outer("host", {"--nested"},
                 inner("--root /tmp/store --network none", "echo inner; cat /etc/hostname; id -u"));
    EXPECT_EQ(result.out, "inner\nsandbox\n0\n") << result.err;
}

TEST_F(RootAndNested, TheHostsRootInASandboxOfTheHost) {
    const Result result =
        in_outer("host", {"--nested"}, "/opt/sandbox/bin/sandbox run --network none host echo inner");
    EXPECT_EQ(result.out, "inner\n") << result.err;
}

TEST_F(RootAndNested, ASandboxRunsInASandboxOfAnImage) {
    expect_inner("--network none", "echo inner; touch /made && id -u", "inner\n0\n");
}

TEST_F(RootAndNested, TheInnerSandboxHasTheWholeRange) {
    expect_inner("--network none", "touch /f && chown 1000:1000 /f && stat -c %u:%g /f", "1000:1000\n");
}

TEST_F(RootAndNested, TheInnerSandboxHasANetwork) {
    if (::access("/dev/net/tun", R_OK | W_OK) < 0) {
        GTEST_SKIP() << "/dev/net/tun is not usable";
    }
    expect_inner("", "ip -4 addr | grep -c 10.0.2.15", "1\n");
}

TEST_F(RootAndNested, TheInnerSandboxHasProcessesOfItsOwn) {
    expect_inner("--network none", "echo /proc/[0-9]*", "/proc/1 /proc/2\n");
}

TEST_F(RootAndNested, ThreeDeep) {
    const std::string image = outer_image();
    if (image.empty()) {
        GTEST_SKIP() << "/bin and /lib of this host do not lie in /usr";
    }
    const Result result = in_outer(
        image, {"--nested"},
        "/opt/sandbox/bin/sandbox run --nested --network none --tmpfs /tmp -v /opt/sandbox:/opt/sandbox host "
        "/opt/sandbox/bin/sandbox run --network none --root /tmp/store /opt/busybox.tar echo third");
    EXPECT_EQ(result.out, "third\n") << result.err;
}

TEST_F(RootAndNested, OverlayOnOverlayFallsBackAndStillWorks) {
    // The inner store lies on the outer's overlay, on which no upper directory can lie.
    expect_inner("--network none --root /srv/store", "touch /made && echo written", "written\n");
}

TEST_F(RootAndNested, WithoutNestedItWorksOrSaysWhatToDo) {
    const std::string image = outer_image();
    if (image.empty()) {
        GTEST_SKIP() << "/bin and /lib of this host do not lie in /usr";
    }
    for (const std::string& outer : {image, std::string{"host"}}) {
        const Result result = in_outer(outer, {}, inner("--root /tmp/store --network none", "echo inner"));
        if (result.status == 0) {
            EXPECT_EQ(result.out, "inner\n");
        } else {
            EXPECT_EQ(result.status, 125);
            EXPECT_TRUE(contains(result.err, "--nested")) << result.err;
        }
    }
}
