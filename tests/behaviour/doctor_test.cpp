// SPDX-License-Identifier: Apache-2.0
// `sandbox doctor` on this host, and on hosts that lack something, simulated for real.
#include "harness.hpp"

using namespace sandbox::test;

namespace {

class Doctor : public SandboxTest {
  protected:
    /// `sandbox doctor` behind SET_UP, shell text run with all capabilities in user and mount namespaces of
    /// its own, of which none is left when sandbox starts.
    Result on_host(const std::string& set_up) {
        return run(
            {"unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c",
             set_up + "\nexec setpriv --inh-caps=-all --ambient-caps=-all \"$0\" doctor", sandbox_binary()},
            with_store({}));
    }

    /// The line about NAME, and the fix below it where there is one.
    static std::string lines_about(const Result& result, const std::string& name) {
        const auto lines = lines_of(result.out);
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (contains(lines[i], " " + name + " ")) {
                const bool has_fix = i + 1 < lines.size() && contains(lines[i + 1], "fix: ");
                return lines[i] + (has_fix ? "\n" + lines[i + 1] : "");
            }
        }
        return "";
    }
};

} // namespace

TEST_F(Doctor, FindsThatTheMainJobWorksHere) {
    const Result result = sandbox({"doctor"});
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    EXPECT_TRUE(result.out.ends_with("sandbox works here.\n")) << result.out;
    EXPECT_FALSE(contains(result.out, "missing")) << result.out;
    EXPECT_EQ(result.err, "");
}

TEST_F(Doctor, AgreesWithARun) {
    const bool works = sandbox({"doctor"}).status == 0;
    EXPECT_EQ(works, script("true").status == 0);
}

TEST_F(Doctor, PrintsJson) {
    REQUIRE_PROGRAM("python3");
    RunOptions options;
    options.input = sandbox({"doctor", "--json"}).out;
    const Result names = run(
        {"python3", "-c",
         "import json,sys; d=json.load(sys.stdin); print(d['works'], *[f['name'] for f in d['findings']])"},
        options);
    EXPECT_TRUE(names.out.starts_with("True user-namespaces ")) << names.out << names.err;
}

TEST_F(Doctor, LeavesNothing) {
    (void)sandbox({"doctor"});
    EXPECT_FALSE(std::filesystem::exists(store())) << "the doctor makes no store";
    for (const auto& entry : std::filesystem::directory_iterator{scratch()}) {
        EXPECT_FALSE(contains(entry.path().filename(), "doctor")) << entry.path();
    }
}

TEST_F(Doctor, NamesAMissingTunDevice) {
    const Result result = on_host("mount -t tmpfs none /dev/net");
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(lines_about(result, "tap").starts_with("missing")) << result.out;
    EXPECT_TRUE(contains(lines_about(result, "tap"), "fix: sudo modprobe tun")) << result.out;
}

TEST_F(Doctor, NamesAMissingSubIdRange) {
    const Result result = on_host("mount --bind /dev/null /etc/subuid");
    EXPECT_EQ(result.status, 0) << "one id is enough for the main job\n" << result.out;
    EXPECT_TRUE(lines_about(result, "sub-ids").starts_with("degraded")) << result.out;
    EXPECT_TRUE(contains(lines_about(result, "sub-ids"), "fix: sudo usermod --add-subuids")) << result.out;
}

TEST_F(Doctor, FindsARangeThatAnotherUserHasToo) {
    const std::string me = trimmed(run({"id", "-un"}).out);
    write_text(scratch() / "subuid", me + ":700000:65536\nmallory:730000:10\n");
    const Result result = on_host("mount --bind '" + (scratch() / "subuid").string() + "' /etc/subuid");
    EXPECT_TRUE(contains(lines_about(result, "sub-ids"), "mallory has too in /etc/subuid")) << result.out;
}

TEST_F(Doctor, NamesAMapHelperWithoutPrivilege) {
    const Result result =
        on_host("cp /usr/bin/newuidmap '" + scratch().string() + "/plain'; chmod 755 '" + scratch().string() +
                "/plain'; mount --bind '" + scratch().string() + "/plain' /usr/bin/newuidmap");
    EXPECT_TRUE(contains(lines_about(result, "newuidmap"), "neither set-uid root")) << result.out;
    EXPECT_TRUE(contains(lines_about(result, "newuidmap"), "fix: ")) << result.out;
}

TEST_F(Doctor, NamesForbiddenUserNamespaces) {
    // A namespace may forbid further ones below it: user.max_user_namespaces counts by namespace.
    const Result result =
        run({"unshare", "--user", "--map-root-user", "sh", "-c",
             "echo 0 >/proc/sys/user/max_user_namespaces; exec \"$0\" doctor", sandbox_binary()},
            with_store({}));
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(contains(lines_about(result, "user-namespaces"), "max_user_namespaces is 0")) << result.out;
    EXPECT_TRUE(contains(result.out, "fix: sudo sysctl user.max_user_namespaces=")) << result.out;
}

TEST_F(Doctor, TakesNoArgument) {
    expect_failure(sandbox({"doctor", "alpine"}), 125, "doctor alpine", "takes no argument", "");
}
