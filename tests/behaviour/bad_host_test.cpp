// SPDX-License-Identifier: Apache-2.0
// A host that lacks something, simulated for real: one clear line, a hint, exit 125, nothing left behind.
#include <sys/stat.h>
#include <unistd.h>

#include "archive.hpp"
#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class BadHost : public SandboxTest {
  protected:
    /// `sandbox run [options] busybox.tar COMMAND` behind SET_UP, a shell text run with all capabilities in a
    /// user and mount namespace of its own, of which none is left when sandbox starts: a plain user of
    /// another host.
    Result on_host(const std::string& set_up, const Arguments& options,
                   const std::string& command = "echo ok") {
        std::string text = set_up + "\nexec setpriv --inh-caps=-all --ambient-caps=-all \"$0\" run";
        for (const std::string& option : options) {
            text += " '" + option + "'";
        }
        text += " '" + busybox() + "' " + command;
        return run({"unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c", text,
                    sandbox_binary()},
                   with_store({}));
    }

    /// The same as root of a namespace with the whole range.
    Result as_root_on_host(const std::string& set_up, const Arguments& options,
                           const std::string& command = "echo ok") {
        std::string text = set_up + "\nexec \"$0\" run";
        for (const std::string& option : options) {
            text += " '" + option + "'";
        }
        text += " '" + busybox() + "' " + command;
        return run({"unshare", "--user", "--map-root-user", "--map-auto", "--mount", "sh", "-c", text,
                    sandbox_binary()},
                   with_store({}));
    }

    /// The lines that are not notes about the single-id map.
    static Result without_notes(Result result) {
        std::string kept;
        bool skip_hint = false;
        for (const std::string& line : lines_of(result.err)) {
            const bool note = contains(line, "one id is mapped") || contains(line, " instead");
            if (!note && !(skip_hint && line.starts_with("hint: "))) {
                kept += line + "\n";
            }
            skip_hint = note;
        }
        result.err = kept;
        return result;
    }
};

} // namespace

TEST_F(BadHost, AFullDiskDuringTheImport) {
    fs::create_directory(scratch() / "store");
    const Result result = as_root_on_host(
        "mount -t tmpfs -o size=300k,mode=0700 none '" + store().string() + "'", {"--network", "none"});
    expect_failure(without_notes(result), 125, "busybox.tar", "pace left on device", "");
}

TEST_F(BadHost, AFullDiskLeavesNothingBehind) {
    fs::create_directory(scratch() / "store");
    const Result result = run({"unshare", "--user", "--map-root-user", "--map-auto", "--mount", "sh", "-c",
                               "mount -t tmpfs -o size=300k,mode=0700 none \"$2\"; \"$0\" run --network none "
                               "\"$1\" true; echo status $?; "
                               "ls \"$2/tmp\" \"$2/layers\" 2>/dev/null | grep -v :",
                               sandbox_binary(), busybox(), store()},
                              with_store({}));
    EXPECT_TRUE(result.out.starts_with("status 125\n")) << result.out;
    EXPECT_EQ(trimmed(result.out), "status 125") << "left in the store";
}

TEST_F(BadHost, AStoreThatCannotBeWritten) {
    fs::create_directory(scratch() / "store");
    ASSERT_EQ(::chmod(store().c_str(), 0500), 0);
    expect_failure(script("true"), 125, store(), "Permission denied", "--root");
    ASSERT_EQ(::chmod(store().c_str(), 0700), 0);
}

TEST_F(BadHost, AStoreOnAReadOnlyFileSystem) {
    fs::create_directory(scratch() / "store");
    ASSERT_EQ(::chmod(store().c_str(), 0700), 0);
    const std::string path = store();
    const Result result = as_root_on_host(
        "mount --bind '" + path + "' '" + path + "' && mount -o remount,bind,ro '" + path + "'",
        {"--network", "none"});
    expect_failure(without_notes(result), 125, path, "Read-only file system", "--root");
}

TEST_F(BadHost, AStoreOpenToOthersIsRefused) {
    fs::create_directory(scratch() / "store");
    ASSERT_EQ(::chmod(store().c_str(), 0755), 0);
    expect_failure(script("true"), 125, store(), "open to other users", "chmod 700");
}

TEST_F(BadHost, AStoreThatIsAFileIsRefused) {
    write_text(store(), "x");
    expect_failure(script("true"), 125, store(), "Not a directory");
}

TEST_F(BadHost, AStoreOfAnotherUserIsRefused) {
    expect_failure(sandbox({"run", "--root", "/etc", busybox(), "true"}), 125, "/etc", "another user");
}

TEST_F(BadHost, AStoreOfALaterLayoutIsRefused) {
    fs::create_directory(scratch() / "store");
    ASSERT_EQ(::chmod(store().c_str(), 0700), 0);
    write_text(store() / "version", "99\n");
    expect_failure(script("true"), 125, store(), "layout 99");
}

TEST_F(BadHost, NoSubuidLineMeansASingleIdAndANote) {
    // In a namespace without capabilities /etc/subuid is another file: no line of this user's.
    const Result result = on_host("mount --bind /dev/null /etc/subuid; mount --bind /dev/null /etc/subgid",
                                  {"--network", "none", "--domain", "off"}, "sh -c 'echo ok; id -u'");
    EXPECT_EQ(result.out, "ok\n0\n") << result.err;
    EXPECT_TRUE(contains(result.err, "/etc/subuid")) << result.err;
    EXPECT_TRUE(contains(result.err, "\nhint: sudo usermod --add-subuids")) << result.err;
    EXPECT_EQ(lines_of(result.err).size(), 2U) << result.err;
}

TEST_F(BadHost, NoNewuidmapMeansASingleIdAndANote) {
    const Result result = on_host("mount --bind /bin/true /usr/bin/newuidmap",
                                  {"--network", "none", "--domain", "off"}, "sh -c 'echo ok; id -u'");
    EXPECT_EQ(result.out, "ok\n0\n") << result.err;
    EXPECT_TRUE(contains(result.err, "newuidmap is neither set-uid root nor has file capabilities"))
        << result.err;
    EXPECT_TRUE(contains(result.err, "\nhint: install the package uidmap")) << result.err;
}

TEST_F(BadHost, UserNamespacesForbiddenBySysctl) {
    const Result result =
        on_host("echo 0 > /proc/sys/user/max_user_namespaces", {"--network", "none", "--userns", "single"});
    expect_failure(result, 125, "user namespace", "max_user_namespaces is 0",
                   "hint: sudo sysctl user.max_user_namespaces");
}

TEST_F(BadHost, UserNamespacesForbiddenForAFullRangeToo) {
    const Result result =
        on_host("echo 0 > /proc/sys/user/max_user_namespaces", {"--network", "none", "--domain", "off"});
    expect_failure(without_notes(result), 125, "user namespace", "max_user_namespaces is 0", "hint: ");
}

TEST_F(BadHost, NoTunDeviceSaysNetworkNone) {
    expect_failure(without_notes(on_host("mount -t tmpfs none /dev/net", {})), 125, "/dev/net/tun", "",
                   "--network none");
}

TEST_F(BadHost, NoTunDeviceIsNoMatterWithoutANetwork) {
    const Result result = without_notes(on_host("mount -t tmpfs none /dev/net", {"--network", "none"}));
    EXPECT_EQ(result.out, "ok\n") << result.err;
}

TEST_F(BadHost, ATunDeviceThatCannotBeOpenedSaysSo) {
    const Result result = on_host(
        "touch /tmp/.tun-test.$$; mount -t tmpfs none /dev/net; touch /dev/net/tun; chmod 0 "
        "/dev/net/tun; rm -f /tmp/.tun-test.$$",
        {});
    expect_failure(without_notes(result), 125, "", "", "--network none");
}

TEST_F(BadHost, AMissingUnpackHelperIsNamed) {
    fs::create_directories(scratch() / "alone/bin");
    fs::copy_file(sandbox_binary(), scratch() / "alone/bin/sandbox");
    const Result result =
        run({scratch() / "alone/bin/sandbox", "run", "--network", "none", busybox(), "true"}, with_store({}));
    expect_failure(result, 125, "", "sandbox-unpack", "");
}

TEST_F(BadHost, AMissingNetworkHelperIsNamed) {
    ASSERT_EQ(script("true").status, 0);
    fs::create_directories(scratch() / "alone/bin");
    fs::copy_file(sandbox_binary(), scratch() / "alone/bin/sandbox");
    // The helper may come up as late as the first packet.
    const Result result =
        run({scratch() / "alone/bin/sandbox", "run", busybox(), "sh", "-c", "timeout 2 nc -w 1 192.0.2.1 9"},
            with_store({}));
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(contains(result.err, "sandbox-net")) << result.err;
}

TEST_F(BadHost, ARefusedOverlayFallsBackAndSaysSo) {
    // A store on a fuse or overlay file system is refused as an upper directory; here: no overlay type at
    // all.
    const Result result = as_root_on_host(
        "mkdir -p '" + store().string() + "' && mount -t tmpfs -o size=64m,mode=0700 none '" +
            store().string() + "' && mkdir -m 700 '" + store().string() + "/l' '" + store().string() +
            "/u' '" + store().string() + "/w' && mount -t overlay -o userxattr,lowerdir='" +
            store().string() + "/l',upperdir='" + store().string() + "/u',workdir='" + store().string() +
            "/w' none '" + store().string() + "' && chmod 700 '" + store().string() + "'",
        {"--network", "none"}, "sh -c 'touch /made && echo written'");
    EXPECT_EQ(result.out, "written\n") << result.err;
    EXPECT_TRUE(contains(result.err, " instead")) << result.err;
}

TEST_F(BadHost, ARefusedOverlayThatWasAskedForIsAnError) {
    const Result result =
        as_root_on_host("mkdir -p '" + store().string() + "' && mount -t tmpfs -o size=64m,mode=0700 none '" +
                            store().string() + "' && cd '" + store().string() +
                            "' && mkdir -m 700 l u w && mount -t overlay -o "
                            "userxattr,lowerdir=l,upperdir=u,workdir=w none '" +
                            store().string() + "' && chmod 700 '" + store().string() + "' && cd /",
                        {"--network", "none", "--storage", "overlay", "--upper", "disk"});
    expect_failure(without_notes(result), 125, "overlay", "", "--storage");
}

TEST_F(BadHost, PartsOfTheStoreThatAreGoneAreMadeAgain) {
    // What a kill in the middle of the store's making, or a cleaning hand, leaves.
    ASSERT_EQ(script("true").status, 0);
    std::vector<fs::path> parts;
    for (const auto& part : fs::directory_iterator{store()}) {
        parts.push_back(part.path());
    }
    for (const fs::path& part : parts) {
        ASSERT_EQ(run({"unshare", "--user", "--map-root-user", "--map-auto", "rm", "-rf", part}).status, 0);
        const Result result = script("touch /made && echo ok");
        EXPECT_EQ(result.out, "ok\n") << "without " << part;
        EXPECT_EQ(result.err, "") << "without " << part;
    }
}

TEST_F(BadHost, AWorkingDirectoryThatIsGoneDoesNoHarm) {
    const Result result = run(
        {"sh", "-c", "mkdir \"$2/gone\" && cd \"$2/gone\" && rmdir \"$2/gone\" && exec \"$0\" run \"$1\" pwd",
         sandbox_binary(), busybox(), scratch()},
        with_store({}));
    EXPECT_EQ(result.out, "/\n") << result.err;
}
