// SPDX-License-Identifier: Apache-2.0
// Images that podman, skopeo and umoci write, held against what tar shows of the tree they were made of.
#include "harness.hpp"
#include "image_archive.hpp"

namespace sandbox::test {
namespace {

/// cap_net_raw, permitted and effective. capability.h, struct vfs_cap_data
const std::string capability{
    "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20};

/// Everything below the current directory: owners, modes, links, times, hashes, attributes. What a whiteout
/// does to a directory's time is nobody's rule.
constexpr const char* list_tree =
    "find . -mindepth 1 -printf '%P %y %m %U %G %n %l' '(' -type d -o -printf ' %T@' ')' -printf '\\n' | "
    "LC_ALL=C sort; "
    "find . -type f -exec md5sum {} + | LC_ALL=C sort; getfattr -R -h -m '^user|^security' -d -e hex . "
    "2>/dev/null";

class ImagesOfTools : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        const ImageParts parts{
            {base_layer({{"f", "content", '0', "", 04751, 3, 4},
                         {"d/", "", '5', "", 01777, 5, 6},
                         {"d/one", "1", '0', "", 0640, 7, 8},
                         // Podman takes a link's owner and mode for the file's, tar does not: real archives
                         // have the same.
                         {"two", "", '1', "d/one", 0640, 7, 8},
                         {"l", "", '2', "d/one"},
                         {"gone/", "", '5'},
                         {"gone/x", "x"}}),
             make_archive(
                 {{".wh.gone", ""},
                  {"new", "n", '0', "", 0600, 9, 10, 1234567890, {{"user.note", "v"}}},
                  {"capable", "c", '0', "", 0755, 0, 0, 1234567890, {{"security.capability", capability}}}})},
            {},
            R"({"Cmd":["cat","/f"],"Env":["A=b"]})"};
        write_directory(scratch() / "layout", oci_layout(parts));
        write_text(scratch() / "docker.tar", tar_of(docker_archive(parts, "test:latest")));
    }
    static bool needs(const char* program) { return has_program(program); }
    /// Owners, modes, links and hashes of everything in the image.
    std::string listing(const std::string& image) {
        const Result result = sandbox(
            {"run", "--network", "none", image, "sh", "-c",
             "find /bin /f /d /two /l /new /gone -exec stat -c '%n %F %u:%g:%a %h %Y' {} \\; 2>/dev/null; "
             "busybox md5sum /f /d/one /new; readlink /l; echo $A"});
        EXPECT_TRUE(contains(result.out, "/f regular file 3:4:4751")) << result.err;
        EXPECT_FALSE(contains(result.out, "/gone"));
        return result.out;
    }
    void expect_same(const std::string& image) {
        EXPECT_EQ(listing(image), listing((scratch() / "layout").string())) << image;
        EXPECT_EQ(sandbox({"run", "--network", "none", image}).out, "content") << image;
        // In a store of its own, so that no layer is there already.
        EXPECT_EQ(sandbox({"prune"}).status, 0);
    }
    /// As podman's, of what `sandbox export` writes.
    std::string our_tree(const std::string& image) {
        const std::string tar = scratch() / "ours.tar";
        const Result exported = sandbox({"export", "-o", tar, image});
        EXPECT_EQ(exported.status, 0) << exported.err;
        const Result listed =
            run({"unshare", "--user", "--map-root-user", "--map-auto", "--", "sh", "-c",
                 "mkdir \"$0.d\" && cd \"$0.d\" && tar --xattrs --xattrs-include='*' -xpf \"$0\" && " +
                     std::string{list_tree},
                 tar});
        EXPECT_EQ(listed.status, 0) << listed.err;
        return listed.out;
    }
    std::string source() const { return "oci:" + (scratch() / "layout").string(); }
    void copy_to(const std::string& destination, const Arguments& options = {}) {
        Arguments arguments{"skopeo", "--insecure-policy", "copy", "--quiet"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {source(), destination});
        const Result result = run(arguments);
        ASSERT_EQ(result.status, 0) << result.err;
    }
};

TEST_F(ImagesOfTools, SkopeosArchivesAndLayouts) {
    if (!needs("skopeo")) {
        GTEST_SKIP() << "skopeo is not installed";
    }
    const std::string at = scratch();
    copy_to("docker-archive:" + at + "/d.tar:test:1");
    expect_same(at + "/d.tar");
    copy_to("oci-archive:" + at + "/o.tar");
    expect_same(at + "/o.tar");
    copy_to("oci:" + at + "/zstd:latest", {"--dest-compress-format", "zstd"});
    expect_same(at + "/zstd");
}

TEST_F(ImagesOfTools, UmocisLayouts) {
    if (!needs("umoci") || !needs("skopeo")) {
        GTEST_SKIP() << "umoci and skopeo are not installed";
    }
    const std::string layout = scratch() / "umoci";
    copy_to("oci:" + layout + ":latest");
    const Result configured = run({"umoci", "config", "--image", layout + ":latest", "--config.env", "B=c"});
    ASSERT_EQ(configured.status, 0) << configured.err;
    EXPECT_EQ(listing(layout), listing((scratch() / "layout").string()));
    EXPECT_EQ(sandbox({"run", "--network", "none", layout, "sh", "-c", "echo $A$B"}).out, "bc\n");
}

TEST_F(ImagesOfTools, PodmansArchives) {
    if (!needs("podman")) {
        GTEST_SKIP() << "podman is not installed";
    }
    const std::string at = scratch();
    // A runtime directory of its own, because podman's first start of a session leaves a process behind,
    // which keeps its user namespace: this one's is known, and ended below.
    std::filesystem::create_directory(at + "/runtime");
    const std::string runtime = "XDG_RUNTIME_DIR=" + at + "/runtime";
    const Arguments podman{"env",          runtime,     "podman",           "--root",
                           at + "/podman", "--runroot", at + "/podman-run", "--storage-driver",
                           "vfs"};
    const auto run_podman = [&](const Arguments& words) {
        Arguments arguments = podman;
        arguments.insert(arguments.end(), words.begin(), words.end());
        return run(arguments);
    };
    const Result loaded = run_podman({"load", "--quiet", "-i", at + "/docker.tar"});
    if (loaded.status != 0) {
        GTEST_SKIP() << "podman does not work here: " << loaded.err;
    }
    const Result theirs = run_podman({"unshare", "sh", "-c",
                                      "cd \"$(podman --root \"$0\" --runroot \"$0-run\" --storage-driver vfs "
                                      "image mount test:latest)\" && " +
                                          std::string{list_tree},
                                      at + "/podman"});
    EXPECT_EQ(theirs.status, 0) << theirs.err;
    EXPECT_TRUE(contains(theirs.out, "f f 4751 3 4 1 ")) << theirs.out;
    EXPECT_TRUE(contains(theirs.out, "user.note=0x76")) << theirs.out;
    EXPECT_TRUE(contains(theirs.out, "security.capability=0x")) << theirs.out;
    EXPECT_EQ(our_tree(at + "/docker.tar"), theirs.out);
    for (const char* format : {"docker-archive", "oci-archive", "oci-dir"}) {
        const Result saved =
            run_podman({"save", "--quiet", "--format", format, "-o", at + "/" + format, "test:latest"});
        ASSERT_EQ(saved.status, 0) << saved.err;
        expect_same(at + "/" + format);
    }
    (void)run({"env", runtime, "podman", "unshare", "rm", "-rf", at + "/podman", at + "/podman-run"});
    (void)run({"sh", "-c", "kill $(cat " + at + "/runtime/libpod/tmp/pause.pid)"});
}

} // namespace
} // namespace sandbox::test
