// SPDX-License-Identifier: Apache-2.0
// The caller's session keyring: what is in it belongs to whoever possesses it, in whatever namespace.
// keyrings(7)
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* description = "sandbox-test";

/// This process has a session keyring with a secret in it, as a login's would have.
class Keyrings : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0) {
            GTEST_SKIP() << "this kernel, or a filter around the tests, has no keyrings: "
                         << std::strerror(errno);
        }
        key_ = ::syscall(SYS_add_key, "user", description, "secret", 6, KEY_SPEC_SESSION_KEYRING);
        ASSERT_GT(key_, 0) << std::strerror(errno);
        fs::copy_file(SANDBOX_TEST_PRISONER, scratch() / "prisoner");
    }

    [[nodiscard]] Result try_keys(const Arguments& options, const std::string& image) {
        Arguments arguments{"run", "--network", "none", "-v",
                            (scratch() / "prisoner").string() + ":/tmp/prisoner:ro"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(),
                         {image, "/tmp/prisoner", "--keys", description, std::to_string(key_)});
        return sandbox(arguments);
    }

    void expect_out_of_reach(const Arguments& options, const std::string& image) {
        const Result result = try_keys(options, image);
        EXPECT_EQ(result.status, 0) << result.out << result.err;
        EXPECT_FALSE(contains(result.out, "ESCAPED")) << result.out;
        EXPECT_EQ(lines_of(result.out).size(), 9U) << result.out;
    }

    long key_ = -1;
};

} // namespace

TEST_F(Keyrings, TheCallersKeyIsInReachOutside) {
    // Or the others below would show nothing.
    const Result result = run({SANDBOX_TEST_PRISONER, "--keys", description, std::to_string(key_)});
    EXPECT_TRUE(contains(result.out, "ESCAPED find the caller's key")) << result.out;
    EXPECT_TRUE(contains(result.out, "ESCAPED the caller's key was not read: secret")) << result.out;
}

TEST_F(Keyrings, TheCallersKeyIsOutOfReachWithoutAnyFilter) {
    for (const Arguments& more :
         {Arguments{}, Arguments{"--userns", "single"}, Arguments{"--userns", "keep-id"},
          Arguments{"-u", "nobody"}, Arguments{"--domain", "off"}, Arguments{"--no-init"},
          Arguments{"--cap-add", "all", "--allow-new-privs"}}) {
        Arguments options{"--seccomp", "unconfined"};
        options.insert(options.end(), more.begin(), more.end());
        expect_out_of_reach(options, busybox());
    }
    expect_out_of_reach({"--seccomp", "unconfined"}, "host");
}

TEST_F(Keyrings, TheCallersKeyIsOutOfReachUnderAnyFilter) {
    expect_out_of_reach({}, busybox());
    expect_out_of_reach({"--seccomp", "log"}, busybox());
    expect_out_of_reach({"--nested"}, busybox());
}

TEST_F(Keyrings, WhereAUsersKeyringsAreUsedUpAnUnfilteredStartIsRefusedAndAnotherIsNot) {
    // kernel.keys.maxkeys, 200. What ended processes held comes back a moment later: so again before each
    // start.
    int number = 0;
    const auto use_up = [&] {
        for (const int end = number + 100000; number < end; ++number) {
            const std::string name = "sandbox-test-" + std::to_string(number);
            if (::syscall(SYS_add_key, "user", name.c_str(), "x", 1, KEY_SPEC_SESSION_KEYRING) < 0) {
                return errno;
            }
        }
        return 0;
    };
    ASSERT_EQ(use_up(), EDQUOT);
    EXPECT_EQ(script("echo ran", {"--network", "none"}).out, "ran\n");
    Result refused;
    EXPECT_TRUE(eventually([&] {
        EXPECT_EQ(use_up(), EDQUOT);
        refused = script("echo ran", {"--network", "none", "--seccomp", "unconfined"});
        return refused.status != 0;
    }));
    expect_failure(refused, 125, "session keyring", "", "kernel.keys.maxkeys");
    // The next test's session keyring puts these away.
    ASSERT_GE(::syscall(SYS_keyctl, KEYCTL_CLEAR, KEY_SPEC_SESSION_KEYRING), 0);
}
