// SPDX-License-Identifier: Apache-2.0
// Point 2: the user namespace comes first, with the caller's sub-ids; then all the others, and pivot_root.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class UserNamespaceFirst : public SandboxTest {
  protected:
    /// With a domain of the test's own, which goes with it.
    RunOptions own_runtime() {
        fs::create_directories(runtime());
        (void)::chmod(runtime().c_str(), 0700);
        RunOptions options;
        options.environment = {{"XDG_RUNTIME_DIR", runtime().string()}};
        return options;
    }
    [[nodiscard]] fs::path runtime() const { return scratch() / "runtime"; }

    /// The holder's pid, by its state file, or -1.
    [[nodiscard]] pid_t holder() const {
        std::istringstream state{read_text(runtime() / "sandbox/domain")};
        int version = 0;
        pid_t pid = -1;
        state >> version >> pid;
        return state ? pid : -1;
    }

    void TearDown() override {
        if (const pid_t pid = scratch_exists() ? holder() : -1; pid > 1) {
            (void)::kill(pid, SIGKILL);
        }
        SandboxTest::TearDown();
    }

  private:
    [[nodiscard]] bool scratch_exists() const { return !busybox().empty(); }
};

struct Range {
    unsigned long first = 0, count = 0;
};

/// The caller's first line in /etc/subuid.
Range subuid_range() {
    const Result name = run({"id", "-un"});
    for (const std::string& line : lines_of(read_text("/etc/subuid"))) {
        if (line.starts_with(trimmed(name.out) + ":")) {
            const auto first = line.find(':');
            const auto second = line.find(':', first + 1);
            return {std::stoul(line.substr(first + 1)), std::stoul(line.substr(second + 1))};
        }
    }
    return {};
}

} // namespace

TEST_F(UserNamespaceFirst, RootInsideIsYouAndTheRestComesFromSubuid) {
    fs::create_directory(scratch() / "shared");
    const Result result = script("touch /x/root; touch /x/other; chown 1000:1000 /x/other; ls -ln /x >&2",
                                 {"-v", (scratch() / "shared").string() + ":/x"});
    ASSERT_EQ(result.status, 0) << result.err;
    struct stat root {};
    struct stat other {};
    ASSERT_EQ(::stat((scratch() / "shared/root").c_str(), &root), 0);
    ASSERT_EQ(::stat((scratch() / "shared/other").c_str(), &other), 0);
    EXPECT_EQ(root.st_uid, ::getuid());
    EXPECT_EQ(root.st_gid, ::getgid());
    EXPECT_EQ(other.st_uid, subuid_range().first + 999);
}

TEST_F(UserNamespaceFirst, TheWholeRangeIsMapped) {
    const Result result = script("awk '{n += $3} END {print n}' /proc/self/uid_map /proc/self/gid_map");
    EXPECT_EQ(trimmed(result.out), std::to_string(2 * (subuid_range().count + 1)));
}

TEST_F(UserNamespaceFirst, TheMapIsTheSameWithAndWithoutADomain) {
    const std::string text = "awk '{print $1, $3}' /proc/self/uid_map /proc/self/gid_map";
    const Result without = script(text, {"--domain", "off"});
    EXPECT_EQ(without.status, 0) << without.err;
    EXPECT_EQ(script(text, {"--domain", "auto"}).out, without.out);
}

TEST_F(UserNamespaceFirst, EveryNamespaceIsTheSandboxesOwn) {
    const Result result =
        script("cd /proc/self/ns; for n in user mnt pid uts ipc net cgroup; do readlink $n; done");
    const std::vector<std::string> inside = lines_of(result.out);
    ASSERT_EQ(inside.size(), 7U) << result.err;
    const char* const names[] = {"user", "mnt", "pid", "uts", "ipc", "net", "cgroup"};
    for (std::size_t i = 0; i < inside.size(); ++i) {
        EXPECT_NE(inside[i], fs::read_symlink(std::string{"/proc/self/ns/"} + names[i]).string());
    }
}

TEST_F(UserNamespaceFirst, ATimeNamespaceIsMadeOnlyOnRequest) {
    const std::string of_host = fs::read_symlink("/proc/self/ns/time");
    EXPECT_EQ(trimmed(script("readlink /proc/self/ns/time").out), of_host);
    const Result asked = script("readlink /proc/self/ns/time", {"--time-offset", "100"});
    EXPECT_EQ(asked.status, 0) << asked.err;
    EXPECT_NE(trimmed(asked.out), of_host);
}

TEST_F(UserNamespaceFirst, TheOldRootIsGoneFromTheMountTree) {
    // After chroot the mounts around the new root would still be listed. pivot_root(2).
    const Result result =
        script("awk '$5 == \"/\"' /proc/self/mountinfo | wc -l; ls -d /proc/1/root/home/$0", {}, {});
    EXPECT_EQ(lines_of(result.out).front(), "1");
}

TEST_F(UserNamespaceFirst, LeavingAChrootLeadsNowhere) {
    // Out of a chroot the way would be up from a directory outside of it; after pivot_root there is none.
    const Result result = script(
        "mkdir -p /a; chroot /a /bin/true 2>/dev/null; cd /../../../..; pwd; test -e "
        "/bin/busybox && ls -di / /.. | awk '{print $1}' | uniq | wc -l");
    EXPECT_EQ(result.out, "/\n1\n");
}

TEST_F(UserNamespaceFirst, TheDomainsHolderHasANameAndNoDescriptorsOfTheCaller) {
    const RunOptions options = own_runtime();
    ASSERT_EQ(script("true", {}, options).status, 0);
    const pid_t pid = holder();
    ASSERT_GT(pid, 1) << "no domain was made";
    EXPECT_EQ(trimmed(read_text("/proc/" + std::to_string(pid) + "/comm")), "sandbox-domain");
    const Result fds = run({"nsenter", "--user", "--preserve-credentials", "--target", std::to_string(pid),
                            "--", "sh", "-c", "ls -l /proc/" + std::to_string(pid) + "/fd"});
    EXPECT_FALSE(contains(fds.out, "pipe:")) << fds.out;
    EXPECT_FALSE(contains(fds.out, scratch() / "store")) << fds.out;
}

TEST_F(UserNamespaceFirst, ASecondStartJoinsTheDomain) {
    const RunOptions options = own_runtime();
    ASSERT_EQ(script("true", {}, options).status, 0);
    const pid_t first = holder();
    ASSERT_GT(first, 1);
    ASSERT_EQ(script("true", {}, options).status, 0);
    EXPECT_EQ(holder(), first);
}

TEST_F(UserNamespaceFirst, ADomainIsMadeUnderALowLimitOfDescriptors) {
    RunOptions options = own_runtime();
    options.in_child = [] {
        const rlimit low{64, 64};
        (void)::setrlimit(RLIMIT_NOFILE, &low);
    };
    EXPECT_EQ(script("echo out", {}, options).out, "out\n");
    EXPECT_GT(holder(), 1);
}

TEST_F(UserNamespaceFirst, ADeadHolderIsReplaced) {
    const RunOptions options = own_runtime();
    ASSERT_EQ(script("true", {}, options).status, 0);
    const pid_t first = holder();
    ASSERT_GT(first, 1);
    ASSERT_EQ(::kill(first, SIGKILL), 0);
    ASSERT_EQ(::waitpid(first, nullptr, 0), first); // an orphan is ours
    const Result second = script("id -u", {}, options);
    EXPECT_EQ(second.out, "0\n") << second.err;
    EXPECT_NE(holder(), first);
}

TEST_F(UserNamespaceFirst, AStateFileThatNamesAStrangersProcessIsNotTrusted) {
    const RunOptions options = own_runtime();
    fs::create_directory(runtime() / "sandbox");
    (void)::chmod((runtime() / "sandbox").c_str(), 0700);
    write_text(runtime() / "sandbox/domain", "1 1 4026531837 x 100000+65536 100000+65536\n", 0600);
    const Result result = script("id -u", {}, options);
    EXPECT_EQ(result.out, "0\n") << result.err;
    EXPECT_NE(holder(), 1);
}

TEST_F(UserNamespaceFirst, NoDomainIsMadeWhereItIsSwitchedOff) {
    const RunOptions options = own_runtime();
    ASSERT_EQ(script("true", {"--domain", "off"}, options).status, 0);
    EXPECT_EQ(holder(), -1);
}

TEST_F(UserNamespaceFirst, ARuntimeDirectoryOpenToOthersIsNotUsedForADomain) {
    const RunOptions options = own_runtime();
    fs::create_directory(runtime() / "sandbox");
    (void)::chmod((runtime() / "sandbox").c_str(), 0777);
    const Result result = script("id -u", {}, options);
    EXPECT_EQ(result.out, "0\n") << result.err;
    EXPECT_EQ(holder(), -1);
}

TEST_F(UserNamespaceFirst, KeepIdKeepsYourOwnIds) {
    const Result result = script("id -u; id -g; touch /tmp/f && stat -c %u /tmp/f", {"--userns", "keep-id"});
    EXPECT_EQ(result.out, std::to_string(::getuid()) + "\n" + std::to_string(::getgid()) + "\n" +
                              std::to_string(::getuid()) + "\n")
        << result.err;
}

TEST_F(UserNamespaceFirst, KeepIdShowsTheImagesRootAsRoot) {
    EXPECT_EQ(script("stat -c %u /bin/busybox /etc/passwd", {"--userns", "keep-id"}).out, "0\n0\n");
}

TEST_F(UserNamespaceFirst, SingleMapsOneIdAndDeniesSetgroups) {
    const Result result = script(
        "id -u; wc -l < /proc/self/uid_map; awk '{print $3}' /proc/self/uid_map; cat /proc/self/setgroups",
        {"--userns", "single"});
    EXPECT_EQ(result.out, "0\n1\n1\ndeny\n") << result.err;
    EXPECT_EQ(result.err, "") << "what was asked for needs no note";
}

TEST_F(UserNamespaceFirst, ASingleMapsSandboxWritesToItsRoot) {
    EXPECT_EQ(script("echo x > /etc/made && rm /etc/passwd && cat /etc/made", {"--userns", "single"}).out,
              "x\n");
}

TEST_F(UserNamespaceFirst, APlainUserInsideHasNoCapabilities) {
    EXPECT_EQ(
        script("grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status | awk '{print $2}' | uniq", {"-u", "1000"})
            .out,
        "0000000000000000\n");
}

TEST_F(UserNamespaceFirst, RootInsideHasNoInheritableCapabilities) {
    EXPECT_EQ(script("grep -E 'Cap(Inh|Amb)' /proc/self/status | awk '{print $2}' | uniq").out,
              "0000000000000000\n");
}
