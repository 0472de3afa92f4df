// SPDX-License-Identifier: Apache-2.0
// Rows of the list of attacks that are tried from inside, or with what a caller hands over. See README.md.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "archive.hpp"
#include "harness.hpp"
#include "terminal.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

int listen_on(int family, const sockaddr* address, socklen_t length) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(fd, address, length), 0);
    EXPECT_EQ(::listen(fd, 1), 0);
    return fd;
}

/// What a prisoner would like to reach, made by the test on the host.
class Inside : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        sockaddr_in loopback{};
        loopback.sin_family = AF_INET;
        loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        tcp_ = listen_on(AF_INET, reinterpret_cast<sockaddr*>(&loopback), sizeof loopback);
        socklen_t length = sizeof loopback;
        ASSERT_EQ(::getsockname(tcp_, reinterpret_cast<sockaddr*>(&loopback), &length), 0);
        port_ = ntohs(loopback.sin_port);
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        abstract_ = "sandbox-test-" + std::to_string(::getpid());
        std::memcpy(name.sun_path + 1, abstract_.data(), abstract_.size());
        local_ = listen_on(AF_UNIX, reinterpret_cast<sockaddr*>(&name),
                           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + abstract_.size()));
        write_text(scratch() / "secret", "the host's\n");
        fs::create_directory(scratch() / "read-only");
        fs::copy_file(SANDBOX_TEST_PRISONER, scratch() / "prisoner");
    }

    void TearDown() override {
        (void)::close(tcp_);
        (void)::close(local_);
        SandboxTest::TearDown();
    }

    /// Everything that the prisoner tries, as one run of `sandbox run OPTIONS IMAGE prisoner`.
    Arguments prison(const Arguments& options, const std::string& image) const {
        Arguments arguments{"run", "-v", (scratch() / "prisoner").string() + ":/tmp/prisoner:ro", "-v",
                            (scratch() / "read-only").string() + ":/tmp/read-only:ro"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(),
                         {image, "/tmp/prisoner", std::to_string(::getpid()), std::to_string(port_),
                          abstract_, scratch() / "secret", "/tmp/read-only"});
        return arguments;
    }

    void expect_held(const Arguments& options, const std::string& image) {
        const Result result = sandbox(prison(options, image));
        EXPECT_FALSE(contains(result.out, "ESCAPED")) << result.out;
        EXPECT_EQ(result.status, 0) << result.err;
        EXPECT_GT(lines_of(result.out).size(), 90U) << result.out;
        EXPECT_TRUE(fs::is_empty(scratch() / "read-only"));
    }

  private:
    int tcp_ = -1, local_ = -1;
    unsigned port_ = 0;
    std::string abstract_;
};

class ConfinementHostile : public SandboxTest {};

} // namespace

// --- row "Inside", with those that it implies: init, cgroup, kernel surface, abstract sockets ---

TEST_F(Inside, RootIsHeld) {
    expect_held({"--network", "none"}, busybox());
}

TEST_F(Inside, RootIsHeldWithANetwork) {
    if (::access("/dev/net/tun", R_OK | W_OK) < 0) {
        GTEST_SKIP() << "/dev/net/tun is not usable";
    }
    expect_held({}, busybox());
}

TEST_F(Inside, RootOfASingleIdIsHeld) {
    expect_held({"--network", "none", "--userns", "single"}, busybox());
}

TEST_F(Inside, AnotherUserIsHeld) {
    expect_held({"--network", "none", "-u", "nobody"}, busybox());
}

TEST_F(Inside, WhoKeepsAnIdIsHeld) {
    expect_held({"--network", "none", "--userns", "keep-id"}, busybox());
}

TEST_F(Inside, WhoRunsOnTheHostsRootIsHeld) {
    expect_held({"--network", "none"}, "host");
}

TEST_F(Inside, RootOnTheHostsRootIsHeld) {
    expect_held({"--network", "none", "--userns", "single"}, "host");
}

TEST_F(Inside, RootIsHeldOnATerminal) {
    expect_held({"--network", "none", "-t"}, busybox());
}

TEST_F(Inside, ACommandThatIsPidOneIsHeldByTheFilter) {
    // Init is the prisoner itself here: what it does to pid 1 it does to itself.
    const Result result =
        script("mount -t tmpfs none /mnt; unshare -r true; grep Seccomp: /proc/1/status", {"--no-init"});
    EXPECT_TRUE(contains(result.out, "Seccomp:\t2")) << result.out;
    EXPECT_FALSE(contains(result.out, "Seccomp:\t0"));
}

TEST_F(ConfinementHostile, KillingPidOneFromInsideDoesNothing) {
    // SIGTERM is another matter: init passes it on to the command.
    const Result result = script("kill -9 1; kill -9 -1; echo alive");
    EXPECT_EQ(result.out, "alive\n") << result.status;
    EXPECT_TRUE(descendants().empty());
}

TEST_F(ConfinementHostile, AForkBombMeetsItsLimit) {
    // The limit of setrlimit(2) counts the ids of this sandbox's user namespace.
    const Result result = script("i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done; echo all",
                                 {"--ulimit", "nproc=50"});
    EXPECT_FALSE(contains(result.out, "all")) << result.err;
    EXPECT_TRUE(descendants().empty());
}

// --- rows "File descriptors and /proc/self" and "Ids" ---

TEST_F(ConfinementHostile, Cve2024_21626_AWorkdirBehindADescriptorOfTheHost) {
    RunOptions options;
    options.in_child = [] {
        const int top = ::open("/", O_RDONLY | O_DIRECTORY); // inherited: no close-on-exec
        (void)::dup2(top, 7);
        (void)::dup2(top, 9);
    };
    for (const char* directory : {"/proc/self/fd/7", "/proc/self/fd/9", "/proc/1/cwd", "/proc/1/root"}) {
        const Result result = script("pwd -P; ls", {"--network", "none", "-w", directory}, options);
        EXPECT_EQ(result.status, 125) << directory << result.out;
    }
}

TEST_F(ConfinementHostile, Cve2019_5736_TheBinaryCannotBeReachedFromInside) {
    const std::string before = read_text(sandbox_binary());
    (void)script("for f in /proc/1/exe /proc/*/exe; do echo x 2>/dev/null >$f; done; cat /proc/1/exe");
    EXPECT_EQ(read_text(sandbox_binary()), before);
    EXPECT_NE(script("cat /proc/1/exe >/dev/null").status, 0);
}

TEST_F(ConfinementHostile, Cve2022_27649_NoCapabilityIsInheritableOrAmbient) {
    const Result result = script("grep -E 'CapInh|CapAmb' /proc/self/status", {"--cap-add", "all"});
    EXPECT_EQ(result.out, "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n");
}

TEST_F(ConfinementHostile, Cve2018_7169_GroupsCannotBeDroppedWithOneId) {
    const Result result = script("cat /proc/self/setgroups", {"--userns", "single"});
    EXPECT_EQ(result.out, "deny\n");
}

TEST_F(ConfinementHostile, IdsFromTwoToTheThirtyFirstOn) {
    for (const char* user : {"2147483648", "4294967294", "4294967295", "4294967296", "0:4294967295", "-1"}) {
        const Result result = script("id", {"--user", user});
        EXPECT_EQ(result.status, 125) << user << result.out;
        EXPECT_TRUE(contains(result.err, "--user")) << result.err;
    }
}

TEST_F(ConfinementHostile, Cve2024_9676_APasswdWithoutEndIsRefused) {
    write_text(
        scratch() / "endless.tar",
        make_archive({{"bin/", "", '5'}, {"etc/", "", '5'}, {"etc/passwd", std::string(3 << 20, 'x')}}));
    const Result result = sandbox({"run", "-u", "someone", scratch() / "endless.tar", "true"});
    EXPECT_EQ(result.status, 125);
    EXPECT_FALSE(result.err.empty());
}

// --- row "Terminal" ---

TEST_F(ConfinementHostile, Cve2017_5226_AndItsKinAreRefusedWithoutATerminalOfOnesOwn) {
    // -T hands the caller's terminal in; the filter and the session of its own stand between.
    REQUIRE_PROGRAM("script");
    const std::string prisoner = scratch() / "prisoner";
    fs::copy_file(SANDBOX_TEST_PRISONER, prisoner);
    fs::create_directory(scratch() / "ro");
    std::string command = sandbox_binary() + " run --root " + store().string() + " -T --network none -v " +
                          prisoner + ":/prisoner:ro -v " + (scratch() / "ro").string() + ":/ro:ro " +
                          busybox() + " /prisoner 1000000 1 none /nonexistent /ro";
    const Result result = run({"script", "-qec", command, "/dev/null"});
    EXPECT_TRUE(contains(result.out, "held TIOCSTI: ")) << result.out;
    EXPECT_TRUE(contains(result.out, "held TIOCSTI with a full upper half: ")) << result.out;
    EXPECT_TRUE(contains(result.out, "held TIOCLINUX: ")) << result.out;
    EXPECT_FALSE(contains(result.out, "ESCAPED")) << result.out;
}
