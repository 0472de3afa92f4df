// SPDX-License-Identifier: Apache-2.0
// A store that others read: several users, and several machines of one user. The other user is one of the
// caller's sub-ids, to the kernel a user like any other; the other machine is a mount namespace that sees the
// store read-only.
#include <sys/stat.h>

#include "harness.hpp"
#include "image_archive.hpp"

namespace sandbox::test {
namespace {

namespace fs = std::filesystem;

class SharedStore : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        fs::permissions(scratch(), fs::perms{0755}); // the other user must get there
        const ImageParts parts{{base_layer({{"set-uid", "x", '0', "", 04755, 0, 0},
                                            {"others", "o", '0', "", 02750, 7, 8},
                                            {"secret", "s", '0', "", 0600, 0, 0},
                                            {"tmp/", "", '5', "", 01777, 0, 0},
                                            {"closed/", "", '5', "", 0700, 3, 4},
                                            {"closed/f", "in", '0', "", 0400, 5, 6},
                                            {"gone", "x"}}),
                                make_archive({{".wh.gone", ""}, {"upper", "u", '0', "", 0644, 9, 10}})},
                               {},
                               R"({"Cmd":["cat","/upper"],"Env":["A=b"]})"};
        write_text(scratch() / "i.tar", tar_of(docker_archive(parts, "i:latest")));
    }
    void share() {
        const Result result =
            run({sandbox_binary(), "import", "--root", shared(), "--shareable", scratch() / "i.tar", "i"});
        ASSERT_EQ(result.status, 0) << result.err;
        fs::remove(scratch() / "i.tar"); // what follows is made from the store alone
    }
    std::string shared() const { return scratch() / "shared"; }

    /// In the place of another user of this host, with a home of its own.
    Result as_other(const Arguments& arguments) {
        const std::string home = scratch() / "other";
        Arguments command{"unshare",
                          "--user",
                          "--map-auto",
                          "--map-root-user",
                          "--",
                          "sh",
                          "-c",
                          "mkdir -p " + home + " && chown 1000:1000 " + home +
                              " && exec setpriv --reuid=1000 --regid=1000 --clear-groups env -u SANDBOX_ROOT "
                              "-u XDG_DATA_HOME -u XDG_RUNTIME_DIR HOME=" +
                              home + " \"$@\"",
                          "sh"};
        command.insert(command.end(), arguments.begin(), arguments.end());
        return run(command);
    }
    Result other_sandbox(const Arguments& arguments) {
        Arguments command{sandbox_binary()};
        command.insert(command.end(), arguments.begin(), arguments.end());
        return as_other(command);
    }
    /// Where nothing of the host's files can be written but the scratch's "machine".
    Result on_another_machine(const std::string& store_path, const Arguments& arguments) {
        Arguments command{"unshare",
                          "--user",
                          "--map-root-user",
                          "--mount",
                          "--",
                          "sh",
                          "-c",
                          "mount --bind " + store_path + " " + store_path + " && mount -o remount,ro,bind " +
                              store_path + " && exec env HOME=" + scratch().string() +
                              " SANDBOX_ROOT=" + (scratch() / "machine").string() +
                              " unshare --user --map-user=" + std::to_string(::geteuid()) +
                              " --map-group=" + std::to_string(::getegid()) + " -- \"$@\"",
                          "sh",
                          sandbox_binary()};
        command.insert(command.end(), arguments.begin(), arguments.end());
        return run(command);
    }
    static Arguments look(const Arguments& options) {
        Arguments arguments{"run", "--network", "none", "--quiet"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {"i", "stat", "-c", "%n %u:%g:%a", "/set-uid", "/others", "/secret",
                                           "/tmp", "/closed", "/closed/f", "/upper"});
        return arguments;
    }
    static constexpr const char* of_the_image =
        "/set-uid 0:0:4755\n/others 7:8:2750\n/secret 0:0:600\n"
        "/tmp 0:0:1777\n/closed 3:4:700\n/closed/f 5:6:400\n"
        "/upper 9:10:644\n";
    static constexpr const char* of_one_id =
        "/set-uid 0:0:4755\n/others 0:0:750\n/secret 0:0:600\n"
        "/tmp 0:0:1777\n/closed 0:0:700\n/closed/f 0:0:400\n"
        "/upper 0:0:644\n";
};

// Set-id bits would be the owner's, and a file that others may write is not the image any more.
TEST_F(SharedStore, HoldsNothingThatGivesOthersPower) {
    share();
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator{shared()}) {
        struct stat status {};
        ASSERT_EQ(::lstat(entry.path().c_str(), &status), 0);
        if (S_ISLNK(status.st_mode)) {
            continue;
        }
        ++files;
        const std::string path = entry.path().lexically_relative(shared());
        EXPECT_EQ(status.st_mode & 07022, 0U) << path;
        EXPECT_EQ(status.st_uid, ::geteuid()) << path;
        if (path.starts_with("layers") && !S_ISCHR(status.st_mode)) {
            EXPECT_EQ(status.st_mode & 0444, 0444U) << path;
        }
    }
    EXPECT_GT(files, 20U);
    struct stat status {};
    for (const char* kept : {"tmp", "tars"}) {
        ASSERT_EQ(::stat((shared() + "/" + kept).c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0700U) << kept;
    }
    EXPECT_NE(as_other({"touch", shared() + "/names/planted"}).status, 0);
}

TEST_F(SharedStore, AnotherUserRunsItsImagesFromACopyWithTheImagesModes) {
    share();
    const Result seen = other_sandbox(look({"--shared-root", shared()}));
    EXPECT_EQ(seen.out, of_one_id) << seen.err;
    const Result written =
        other_sandbox({"run", "--network", "none", "--quiet", "--shared-root", shared(), "i", "sh", "-c",
                       "echo more >> /secret && cat /secret && echo $A && ls /gone"});
    EXPECT_EQ(written.out, "smore\nb\n") << written.err;
    // The copy is made once, and is nothing that keeps an image in the shared store.
    EXPECT_FALSE(
        contains(other_sandbox({"run", "--network", "none", "--shared-root", shared(), "i"}).err, "copying"));
    EXPECT_EQ(run({sandbox_binary(), "rmi", "--root", shared(), "i"}).status, 0);
    EXPECT_TRUE(fs::is_empty(shared() + "/layers"));
    EXPECT_TRUE(contains(other_sandbox({"prune"}).out, "removed 1 image, 2 layers"));
}

TEST_F(SharedStore, AnotherUserReadsItsTreesInPlaceWhereTheRootIsReadOnly) {
    share();
    const Result result =
        other_sandbox({"run", "--network", "none", "--read-only", "--shared-root", shared(), "i", "sh", "-c",
                       "cat /upper /closed/f /secret; echo; touch /x 2>&1"});
    EXPECT_TRUE(result.out.starts_with("uins\n")) << result.out << result.err;
    EXPECT_NE(as_other({"ls", scratch() / "other/.local/share/sandbox/layers"}).status, 0) << "a copy";
}

TEST_F(SharedStore, ItsOwnerHasItsOwnersBack) {
    share();
    const Result seen = sandbox(look({"--shared-root", shared()}));
    EXPECT_EQ(seen.out, of_the_image) << seen.err;
    EXPECT_EQ(sandbox(look({"--shared-root", shared(), "--userns", "keep-id", "-u", "0"})).out, of_the_image);
}

TEST_F(SharedStore, AnImageThatAnotherUserUsesIsNotRemoved) {
    share();
    Process process{{"unshare",
                     "--user",
                     "--map-auto",
                     "--map-root-user",
                     "--",
                     "sh",
                     "-c",
                     "mkdir -p \"$0\" && chown 1000:1000 \"$0\" && exec setpriv --reuid=1000 --regid=1000 "
                     "--clear-groups env -u XDG_RUNTIME_DIR HOME=\"$0\" SANDBOX_ROOT=\"$0\"/store \"$@\"",
                     scratch() / "other",
                     sandbox_binary(),
                     "run",
                     "--network",
                     "none",
                     "--read-only",
                     "--shared-root",
                     shared(),
                     "i",
                     "sh",
                     "-c",
                     "echo up; sleep 60"},
                    {}};
    ASSERT_TRUE(process.wait_for_output("up\n"));
    expect_failure(run({sandbox_binary(), "rmi", "--root", shared(), "i"}), 125, "i", "in use by", "hint: ");
    process.signal(SIGTERM);
    (void)process.wait();
    EXPECT_TRUE(eventually([&] {
        return run({sandbox_binary(), "rmi", "--root", shared(), "i"}).status == 0;
    }));
}

TEST_F(SharedStore, OnAnotherMachineItIsReadOnly) {
    share();
    const Result result = on_another_machine(
        shared(), {"run", "--network", "none", "--userns", "single", "--quiet", "--shared-root", shared(),
                   "i", "sh", "-c", "echo new > /closed/f; cat /closed/f"});
    EXPECT_EQ(result.out, "new\n")
        << result.err; // over the tree where it lies: there is one id, and it is ours
    EXPECT_FALSE(fs::exists(scratch() / "machine/layers"));
}

// A private store is its owner's on every machine, as it is.
TEST_F(SharedStore, TheDoctorSaysWhatAStartWould) {
    share();
    const Result report = run({sandbox_binary(), "doctor", "--root", shared()});
    EXPECT_EQ(report.status, 1) << report.err;
    EXPECT_TRUE(contains(report.out, "this is a shared store")) << report.out;
    EXPECT_TRUE(contains(report.out, "--shared-root " + shared() + " in place of --root")) << report.out;
}

TEST_F(SharedStore, APrivateStoreServesItsOwnerReadOnly) {
    ASSERT_EQ(sandbox({"import", "--userns", "single", scratch() / "i.tar", "i"}).status, 0);
    const Result result = on_another_machine(store(), {"run", "--network", "none", "--userns", "single",
                                                       "--quiet", "--shared-root", store(), "i"});
    EXPECT_EQ(result.out, "u") << result.err;
    const Result written = on_another_machine(store(), {"import", "--root", store(), busybox(), "b"});
    expect_failure(written, 125, store(), "Read-only file system");
    const Result started = on_another_machine(store(), {"run", "--network", "none", "--root", store(), "i"});
    EXPECT_EQ(started.status, 125);
    EXPECT_TRUE(contains(started.err, "--shared-root DIR takes images")) << started.err;
}

TEST_F(SharedStore, APrivateStoreIsNoneForOthersAndIsSaidToBe) {
    ASSERT_EQ(sandbox({"import", scratch() / "i.tar", "i"}).status, 0);
    expect_failure(other_sandbox({"run", "--shared-root", store(), "i"}), 125, store(), "Permission denied",
                   "hint: its owner makes one");
    fs::permissions(store(), fs::perms{0755}); // which is no way to share it
    expect_failure(other_sandbox({"run", "--shared-root", store(), "i"}), 125, store(),
                   "belongs to another user", "hint: its owner makes one");
    fs::permissions(store(), fs::perms{0700});
    expect_failure(
        run({sandbox_binary(), "import", "--root", store(), "--shareable", scratch() / "i.tar", "i"}), 125,
        store(), "a private store cannot be shared", "hint: ");
    expect_failure(sandbox({"import", "--shareable", scratch() / "i.tar", "i"}), 125, "--shareable", "which",
                   "hint: ");
}

TEST_F(SharedStore, NothingRunsInItAndNothingButAnEmptyDirectoryBecomesOne) {
    share();
    expect_failure(run({sandbox_binary(), "run", "--root", shared(), "i"}), 125, shared(),
                   "this is a shared store", "hint: --shared-root");
    expect_failure(other_sandbox({"run", "--root", shared(), "i"}), 125, shared(), "shared store", "hint: ");
    fs::create_directory(scratch() / "full");
    write_text(scratch() / "full" / "file", "x");
    expect_failure(
        run({sandbox_binary(), "import", "--root", scratch() / "full", "--shareable", busybox(), "b"}), 125,
        scratch() / "full", "not empty", "hint: ");
    fs::permissions(shared(), fs::perms{0775});
    expect_failure(other_sandbox({"run", "--shared-root", shared(), "i"}), 125, shared(), "can write",
                   "hint: chmod go-w");
}

// The owner of a store that one reads is trusted with the image, not with one's own files.
TEST_F(SharedStore, ALinkInATreesPlaceIsNotFollowed) {
    share();
    for (const auto& layer : fs::directory_iterator{shared() + "/layers"}) {
        const fs::path tree = layer.path() / "shared" / "root";
        fs::rename(tree, layer.path() / "aside");
        fs::create_directory_symlink("/", tree);
    }
    const Result result =
        other_sandbox({"run", "--network", "none", "--read-only", "--shared-root", shared(), "i", "ls", "/"});
    EXPECT_EQ(result.status, 125) << result.out;
    EXPECT_EQ(result.out, "");
}

TEST_F(SharedStore, ItsImagesAreListed) {
    share();
    EXPECT_TRUE(contains(other_sandbox({"images", "--shared-root", shared()}).out, "(shared)"));
    EXPECT_TRUE(
        contains(run({sandbox_binary(), "images", "--json", "--root", shared()}).out, R"("shared":true)"));
}

} // namespace
} // namespace sandbox::test
