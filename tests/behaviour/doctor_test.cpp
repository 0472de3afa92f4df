// SPDX-License-Identifier: Apache-2.0
// `sandbox doctor` on this host, and on hosts that lack something, simulated for real.
#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

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
    EXPECT_TRUE(contains(lines_about(result, "newuidmap"), "fix: sudo chmod u+s /usr/bin/newuidmap"))
        << result.out;
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

TEST_F(Doctor, NamesALimitOfOtherNamespacesAsARunDoes) {
    const std::string limit = "echo 0 >/proc/sys/user/max_net_namespaces; ";
    const Result result = run(
        {"unshare", "--user", "--map-root-user", "sh", "-c", limit + "exec \"$0\" doctor", sandbox_binary()},
        with_store({}));
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(contains(lines_about(result, "sysctls"), "user.max_net_namespaces is 0")) << result.out;
    EXPECT_TRUE(contains(lines_about(result, "sysctls"), "fix: sudo sysctl user.max_net_namespaces="))
        << result.out;
    const Result start =
        run({"unshare", "--user", "--map-root-user", "sh", "-c",
             limit + "exec \"$0\" run --userns single --network none host true", sandbox_binary()},
            with_store({}));
    expect_failure(start, 125, "", "user.max_net_namespaces is 0",
                   "hint: sudo sysctl user.max_net_namespaces=");
}

TEST_F(Doctor, SaysWhatIsThereOfTheStore) {
    const Result result = sandbox({"doctor"});
    EXPECT_TRUE(contains(lines_about(result, "store"), store().string() + ", ")) << result.out;
    EXPECT_TRUE(contains(lines_about(result, "store"), " MiB free")) << result.out;
    EXPECT_TRUE(lines_about(result, "dead-runs").starts_with("ok")) << result.out;
}

TEST_F(Doctor, NamesAPlaceThatCanBeNoStore) {
    const std::string file = (scratch() / "file").string();
    write_text(file, "", 0700);
    const Result result = sandbox({"doctor", "--root", file});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(contains(lines_about(result, "store"), file + ": not a directory")) << result.out;
    EXPECT_EQ(sandbox({"run", "--root", file, busybox(), "true"}).status, 125);
    fs::create_symlink("nowhere", scratch() / "link");
    fs::create_directory(scratch() / "closed");
    fs::permissions(scratch() / "closed", static_cast<fs::perms>(0600));
    for (const auto& [root, reason] :
         {std::pair{file + "/x", "cannot be made in "}, std::pair{file + "/x", "not a directory"},
          std::pair{(scratch() / "link").string(), "leads nowhere"},
          std::pair{(scratch() / "closed").string(), "Permission denied"},
          std::pair{std::string{"/proc/nosuch/x"}, "cannot be made in "}}) {
        const Result found = sandbox({"doctor", "--root", root});
        EXPECT_EQ(found.status, 1) << found.out;
        EXPECT_TRUE(contains(lines_about(found, "store"), root + ": ") &&
                    contains(lines_about(found, "store"), reason))
            << found.out;
        EXPECT_EQ(sandbox({"run", "--root", root, busybox(), "true"}).status, 125) << root;
    }
}

TEST_F(Doctor, NamesAStoreWithoutExtendedAttributes) {
    const std::string path = store();
    const Result result =
        on_host("mkdir -m 700 '" + path + "'; mount -t ramfs none '" + path + "'; chmod 700 '" + path + "'");
    EXPECT_TRUE(lines_about(result, "xattrs").starts_with("degraded")) << result.out << result.err;
    EXPECT_TRUE(contains(lines_about(result, "xattrs"), "--root or SANDBOX_ROOT")) << result.out;
}

TEST_F(Doctor, CountsWhatKilledRunsLeft) {
    {
        Process process{sandbox_command({"run", "--network", "none", busybox(), "sh", "-c",
                                         "echo x >/left; echo up; sleep 60"}),
                        with_store({})};
        ASSERT_TRUE(process.wait_for_output("up\n"));
        EXPECT_TRUE(lines_about(sandbox({"doctor"}), "dead-runs").starts_with("ok")) << "it runs";
        process.signal(SIGKILL);
        (void)process.wait();
    }
    const auto dead = [&] { return lines_about(sandbox({"doctor"}), "dead-runs"); };
    EXPECT_TRUE(eventually([&] { return dead().starts_with("degraded"); })) << dead();
    EXPECT_TRUE(contains(dead(), " 1 of them")) << dead();
    EXPECT_TRUE(contains(dead(), "fix: sandbox prune")) << dead();
    EXPECT_EQ(sandbox({"prune"}).status, 0);
    EXPECT_TRUE(dead().starts_with("ok")) << dead();
}

TEST_F(Doctor, NamesAMissingHelperOfTheNetwork) {
    std::filesystem::create_directories(scratch() / "alone/bin");
    std::filesystem::copy_file(sandbox_binary(), scratch() / "alone/bin/sandbox");
    const Result result = run({scratch() / "alone/bin/sandbox", "doctor"}, with_store({}));
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(lines_about(result, "splice-engine").starts_with("missing")) << result.out;
    EXPECT_TRUE(contains(lines_about(result, "splice-engine"), "alone/libexec/sandbox/sandbox-net"))
        << result.out;
}

TEST_F(Doctor, SaysWhyTcpIsNotSplicedAsARunDoes) {
    // NETLINK_NETFILTER, by which the rules are written, is refused: as by a kernel without nftables.
    write_text(scratch() / "no-nftables.json",
               R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["socket"],
                   "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"},
                                                        {"index": 2, "value": 12, "op": "SCMP_CMP_EQ"}]}]})");
    const auto behind_filter = [&](const std::string& command) {
        return sandbox(
            {"run", "--nested", "--network", "none", "--seccomp", scratch() / "no-nftables.json",
             "--workspace=" + std::filesystem::path{sandbox_binary()}.parent_path().parent_path().string(),
             "-v", std::filesystem::path{busybox()}.parent_path().string() + ":/tmp/images:ro", "host", "sh",
             "-c", "SANDBOX_ROOT=/tmp/store; export SANDBOX_ROOT; " + command});
    };
    const Result result = behind_filter("exec '" + sandbox_binary() + "' doctor");
    EXPECT_TRUE(lines_about(result, "splice-engine").starts_with("degraded")) << result.out << result.err;
    EXPECT_TRUE(contains(lines_about(result, "splice-engine"), "Operation not permitted")) << result.out;
    EXPECT_TRUE(contains(lines_about(result, "splice-engine"), "fix: sudo modprobe -a nf_tables nft_tproxy"))
        << result.out;
    EXPECT_TRUE(contains(lines_about(result, "surroundings"), "inside a sandbox")) << result.out;
    // The same reason that a start gives.
    const Result start = behind_filter("exec '" + sandbox_binary() +
                                       "' run --log-level debug /tmp/images/busybox.tar nc -w 1 192.0.2.1 9");
    EXPECT_TRUE(contains(start.err, "spliced TCP: ")) << start.err;
    EXPECT_TRUE(contains(start.err, "Operation not permitted")) << start.err;
}

TEST_F(Doctor, KnowsAChroot) {
    const std::string root = scratch() / "root";
    const auto in_chroot = [&](const std::string& option) {
        return run({"unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
                    "mkdir -p \"$1/proc\"; cp \"$0\" \"$1/sandbox\"; mount --rbind /proc \"$1/proc\"; "
                    "exec chroot \"$1\" /sandbox " +
                        option,
                    sandbox_binary(), root},
                   with_store({}));
    };
    if (in_chroot("--version").status != 0) {
        GTEST_SKIP() << "sandbox loads libraries in this build";
    }
    const Result result = in_chroot("doctor");
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(contains(lines_about(result, "surroundings"), "inside a chroot")) << result.out << result.err;
    EXPECT_TRUE(lines_about(result, "user-namespaces").starts_with("missing")) << result.out;
}

TEST_F(Doctor, TakesNoArgument) {
    expect_failure(sandbox({"doctor", "alpine"}), 125, "doctor alpine", "takes no argument", "");
}
