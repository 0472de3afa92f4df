// SPDX-License-Identifier: Apache-2.0
// Images that podman, skopeo and umoci write, held against what tar shows of the tree they were made of.
#include "harness.hpp"
#include "image_archive.hpp"

namespace sandbox::test {
namespace {

class ImagesOfTools : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        const ImageParts parts{{base_layer({{"f", "content", '0', "", 04751, 3, 4},
                                            {"d/", "", '5', "", 01777, 5, 6},
                                            {"d/one", "1", '0', "", 0640, 7, 8},
                                            {"two", "", '1', "d/one"},
                                            {"l", "", '2', "d/one"},
                                            {"gone/", "", '5'},
                                            {"gone/x", "x"}}),
                                make_archive({{".wh.gone", ""}, {"new", "n", '0', "", 0600, 9, 10}})},
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
