// SPDX-License-Identifier: Apache-2.0
// Root in an unprivileged container, as CI has it, simulated by a sandbox around the sandbox: what the
// container's settings must allow, each of them left out in turn. inside_podman.sh does the same with podman.
#include "harness.hpp"

using namespace sandbox::test;

namespace {

class Container : public SandboxTest {
  protected:
    /// `sandbox ARGUMENTS` by root of a container: a sandbox of the host's root with the outer options.
    Result inside(const Arguments& outer, const Arguments& arguments) {
        const std::string images = std::filesystem::path{busybox()}.parent_path();
        Arguments command{"run",
                          "--userns",
                          "single",
                          "--home",
                          "ro",
                          "-v",
                          images + ":/tmp/images:ro",
                          "-e",
                          "SANDBOX_ROOT=/tmp/store"};
        command.insert(command.end(), outer.begin(), outer.end());
        command.insert(command.end(), {"host", sandbox_binary()});
        command.insert(command.end(), arguments.begin(), arguments.end());
        return sandbox(command);
    }

    /// The doctor there tells the same in its line about NAME, and that nothing works.
    void expect_doctor_to_agree(const Arguments& outer, const std::string& name, const std::string& fix) {
        const Result result = inside(outer, {"doctor"});
        EXPECT_EQ(result.status, 1) << result.out << result.err;
        bool is_told = false;
        const auto lines = lines_of(result.out);
        for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
            is_told = is_told || (lines[i].starts_with("missing") && contains(lines[i], " " + name + " ") &&
                                  contains(lines[i + 1], "fix: ") && contains(lines[i + 1], fix));
        }
        EXPECT_TRUE(is_told) << result.out;
    }

    const Arguments one_command{"run", "--network", "none", "/tmp/images/busybox.tar", "id", "-u"};
};

} // namespace

TEST_F(Container, ItsFilterOfSystemCallsIsNamed) {
    expect_failure(inside({}, one_command), 125, "user namespace", "refused by the kernel",
                   "seccomp profile");
    expect_doctor_to_agree({}, "user-namespaces", "seccomp profile");
}

TEST_F(Container, AMaskedProcIsNamed) {
    const Arguments outer{"--seccomp", "unconfined"};
    const Result result = inside(outer, one_command);
    EXPECT_EQ(result.status, 125);
    EXPECT_TRUE(contains(result.err, "cannot mount on /proc")) << result.err;
    EXPECT_TRUE(contains(result.err, "hint: ") && contains(result.err, "unmask=ALL")) << result.err;
    expect_doctor_to_agree(outer, "proc", "unmask=ALL");
}

TEST_F(Container, AMissingTunDeviceIsNamed) {
    const Arguments outer{"--nested", "--tmpfs", "/dev/net"};
    const Result result = inside(outer, {"run", "/tmp/images/busybox.tar", "true"});
    EXPECT_EQ(result.status, 125);
    EXPECT_TRUE(contains(result.err, "/dev/net/tun")) << result.err;
    EXPECT_EQ(inside(outer, one_command).out, "0\n") << "without a network it is not needed";
    expect_doctor_to_agree(outer, "tap", "modprobe tun");
}

TEST_F(Container, WithAllOfTheSettingsItWorks) {
    EXPECT_EQ(inside({"--nested"}, one_command).out, "0\n");
    const Result network =
        inside({"--nested"}, {"run", "/tmp/images/busybox.tar", "ip", "-4", "-o", "addr", "show", "eth0"});
    EXPECT_TRUE(contains(network.out, "10.0.2.15/24")) << network.err;
    const Result doctor = inside({"--nested"}, {"doctor"});
    EXPECT_EQ(doctor.status, 0) << doctor.out;
}
