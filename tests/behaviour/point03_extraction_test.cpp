// SPDX-License-Identifier: Apache-2.0
// Point 3: what an archive holds is what the sandbox shows; it is read once and kept by content.
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <thread>

#include "archive.hpp"
#include "harness.hpp"
#include "terminal.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class Extraction : public SandboxTest {
  protected:
    std::string said(const std::string& image, const std::string& text) {
        const Result result = sandbox({"run", image, "sh", "-c", text});
        EXPECT_EQ(result.status, 0) << result.err;
        return result.out;
    }

    std::string image_with(const std::vector<Entry>& entries) {
        return write_image(scratch() / "image.tar", entries);
    }

    /// The directories below layers/: one for each content.
    [[nodiscard]] std::vector<fs::path> layers() const {
        std::vector<fs::path> found;
        for (const auto& layer : fs::directory_iterator{store() / "layers"}) {
            found.push_back(layer.path());
        }
        return found;
    }

    /// The only stored tree.
    [[nodiscard]] fs::path tree() const {
        return fs::directory_iterator {
            layers().at(0)
            } -> path() / "root";
    }

    /// However fast the disk is: stopped for longer than the bar waits.
    static void hold_up_the_import() {
        pid_t unpack = -1;
        ASSERT_TRUE(eventually([&] { return (unpack = find_descendant("sandbox-unpack")) > 0; }));
        ASSERT_EQ(::kill(unpack, SIGSTOP), 0);
        std::this_thread::sleep_for(milliseconds{1300});
        ASSERT_EQ(::kill(unpack, SIGCONT), 0);
    }

    /// A file of its own whose times lie far enough back for the cache.
    std::string settled_copy(const std::string& image) {
        const fs::path copy = scratch() / "settled.tar";
        fs::copy_file(image, copy);
        std::this_thread::sleep_for(milliseconds{3100});
        return copy;
    }
};

/// Whether anything reads a file while this object lives.
class ReadWatch {
  public:
    explicit ReadWatch(const std::string& path) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
        (void)::inotify_add_watch(fd_, path.c_str(), IN_ACCESS);
    }
    ~ReadWatch() { ::close(fd_); }
    ReadWatch(const ReadWatch&) = delete;
    ReadWatch& operator=(const ReadWatch&) = delete;
    [[nodiscard]] bool was_read() const {
        char buffer[4096];
        return ::read(fd_, buffer, sizeof buffer) > 0;
    }

  private:
    int fd_;
};

std::size_t count_imports(const std::string& debug_lines) {
    std::size_t count = 0;
    for (const std::string& line : lines_of(debug_lines)) {
        count += contains(line, "sha256:") ? 1 : 0;
    }
    return count;
}

} // namespace

TEST_F(Extraction, KeepsModesAndSetuidBits) {
    const std::string image = image_with({{.name = "m/", .type = '5', .mode = 01777},
                                          {.name = "m/setuid", .content = "x", .mode = 04755},
                                          {.name = "m/setgid", .content = "x", .mode = 02755},
                                          {.name = "m/none", .content = "x", .mode = 0}});
    EXPECT_EQ(said(image, "stat -c %a /m /m/setuid /m/setgid /m/none"), "1777\n4755\n2755\n0\n");
}

TEST_F(Extraction, ModesDoNotDependOnTheCallersUmask) {
    const std::string image = image_with(
        {{.name = "m/", .type = '5', .mode = 0777}, {.name = "m/f", .content = "x", .mode = 0666}});
    RunOptions options;
    options.in_child = [] { ::umask(077); };
    EXPECT_EQ(sandbox({"run", image, "stat", "-c", "%a", "/m", "/m/f", "/", "/bin"}, options).out,
              "777\n666\n755\n755\n");
}

TEST_F(Extraction, KeepsOwners) {
    const std::string image =
        image_with({{.name = "o", .content = "x", .uid = 1000, .gid = 50},
                    {.name = "link", .type = '2', .link = "o", .uid = 7, .gid = 8},
                    {.name = "setuid", .content = "x", .mode = 06755, .uid = 33, .gid = 33}});
    EXPECT_EQ(said(image, "stat -c '%u %g %a' /o /link /setuid"), "1000 50 755\n7 8 777\n33 33 6755\n");
}

TEST_F(Extraction, KeepsTimes) {
    const std::string image = image_with({{.name = "dir/", .type = '5', .mtime = 1234567890},
                                          {.name = "dir/f", .content = "x", .mtime = 981173106},
                                          {.name = "dir/l", .type = '2', .link = "f", .mtime = 999}});
    EXPECT_EQ(said(image, "stat -c %Y /dir /dir/f /dir/l"), "1234567890\n981173106\n999\n");
}

TEST_F(Extraction, KeepsHardLinks) {
    const std::string image =
        image_with({{.name = "a", .content = "same"}, {.name = "b", .type = '1', .link = "a"}});
    EXPECT_EQ(said(image, "stat -c %h /a; cat /b; test /a -ef /b && echo linked"), "2\nsamelinked\n");
}

TEST_F(Extraction, KeepsUserAttributes) {
    (void)said(image_with({{.name = "f", .content = "x", .attributes = {{"user.origin", "here"}}}}), "true");
    char value[16] = {};
    EXPECT_EQ(::getxattr((tree() / "f").c_str(), "user.origin", value, sizeof value), 4) << tree();
    EXPECT_STREQ(value, "here");
}

TEST_F(Extraction, KeepsFileCapabilities) {
    // VFS_CAP_REVISION_2, effective, CAP_NET_RAW. capability.h
    const std::string capability{
        "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20};
    (void)said(
        image_with({{.name = "f", .content = "x", .attributes = {{"security.capability", capability}}}}),
        "true");
    unsigned char value[64] = {};
    // Seen from outside it carries the namespace's root: revision 3, 24 bytes. capabilities(7).
    ASSERT_EQ(::getxattr((tree() / "f").c_str(), "security.capability", value, sizeof value), 24);
    EXPECT_EQ(value[3], 3);
    EXPECT_EQ(value[5], 0x20);
}

TEST_F(Extraction, SkipsDevicesAndCountsThemAtDebugLevel) {
    const std::string image = image_with({{.name = "sda", .type = '4'}, {.name = "mem", .type = '3'}});
    const Result result =
        sandbox({"run", "--log-level", "debug", image, "sh", "-c", "ls -d /sda /mem 2>/dev/null"});
    EXPECT_EQ(result.out, "");
    EXPECT_TRUE(contains(result.err, "2 device nodes skipped")) << result.err;
}

TEST_F(Extraction, SaysNothingOfDevicesOtherwise) {
    const Result result = sandbox({"run", image_with({{.name = "sda", .type = '4'}}), "true"});
    EXPECT_EQ(result.err, "");
}

namespace {
struct Compression {
    const char* name;
    const char* program;
};

void PrintTo(const Compression& compression, std::ostream* stream) {
    *stream << compression.name;
}

class ExtractionOf : public Extraction, public ::testing::WithParamInterface<Compression> {};
} // namespace

TEST_P(ExtractionOf, ACompressedArchiveGivesTheSameFiles) {
    REQUIRE_PROGRAM(GetParam().program);
    // The name says nothing: content decides.
    const std::string image = scratch() / "image.data";
    ASSERT_EQ(run({"sh", "-c", "$0 -c < \"$1\" > \"$2\"", GetParam().program, busybox(), image}).status, 0);
    const Result result = sandbox({"run", image, "sh", "-c", "echo it works"});
    EXPECT_EQ(result.out, "it works\n") << result.err;
}

INSTANTIATE_TEST_SUITE_P(By, ExtractionOf,
                         ::testing::Values(Compression{"Gzip", "gzip"}, Compression{"Bzip2", "bzip2"},
                                           Compression{"Xz", "xz"}, Compression{"Zstd", "zstd"},
                                           Compression{"Lz4", "lz4"}),
                         [](const auto& tested) { return std::string{tested.param.name}; });

TEST_F(Extraction, TwoNamesOfTheSameBytesShareOneTree) {
    fs::copy_file(busybox(), scratch() / "other.tar");
    ASSERT_EQ(sandbox({"run", busybox(), "true"}).status, 0);
    ASSERT_EQ(sandbox({"run", scratch() / "other.tar", "true"}).status, 0);
    EXPECT_EQ(layers().size(), 1U);
}

TEST_F(Extraction, TheSecondStartReadsNoArchive) {
    const std::string image = settled_copy(busybox());
    ASSERT_EQ(sandbox({"run", image, "true"}).status, 0);
    const ReadWatch watch{image};
    ASSERT_EQ(sandbox({"run", image, "true"}).status, 0);
    EXPECT_FALSE(watch.was_read());
}

TEST_F(Extraction, AChangedArchiveIsReadAnew) {
    const std::string image = settled_copy(busybox());
    ASSERT_EQ(sandbox({"run", image, "true"}).status, 0);
    (void)write_image(image, {{"changed", "yes"}});
    EXPECT_EQ(said(image, "cat /changed"), "yes");
}

TEST_F(Extraction, AnArchiveChangedWithinTheClocksGrainIsReadAnew) {
    const std::string image = image_with({{"version", "1"}});
    EXPECT_EQ(said(image, "cat /version"), "1");
    (void)image_with({{"version", "2"}});
    EXPECT_EQ(said(image, "cat /version"), "2");
}

TEST_F(Extraction, TwoFirstStartsAtOnceImportOnce) {
    const std::string image = settled_copy(busybox());
    const Arguments command = sandbox_command({"run", "--log-level", "debug", image, "sh", "-c", "echo ok"});
    Process first{command, with_store({})};
    Process second{command, with_store({})};
    Process third{command, with_store({})};
    std::string debug;
    for (Process* process : {&first, &second, &third}) {
        const Result result = process->wait();
        EXPECT_EQ(result.out, "ok\n") << result.err;
        debug += result.err;
    }
    EXPECT_EQ(count_imports(debug), 1U) << debug;
}

TEST_F(Extraction, KillingAnImportLeavesNoHalfImageSlow) {
    REQUIRE_IMAGE(image, "debian.tar");
    {
        Process start{sandbox_command({"run", image, "true"}), with_store({})};
        ASSERT_TRUE(eventually([] { return find_descendant("sandbox-unpack") > 0; }));
        std::this_thread::sleep_for(milliseconds{100});
        start.signal(SIGKILL);
        EXPECT_EQ(start.wait().signal, SIGKILL);
    }
    EXPECT_TRUE(eventually([] { return descendants().empty(); })) << "sandbox-unpack outlives its starter";
    EXPECT_FALSE(fs::exists(store() / "layers") && !layers().empty()) << "a half image";
    const Result next = sandbox({"run", image, "cat", "/etc/debian_version"});
    EXPECT_EQ(next.status, 0) << next.err;
    EXPECT_TRUE(leftovers_in_store().empty()); // the first import's tree went with the second
}

TEST_F(Extraction, CtrlCDuringAnImportLeavesNothingSlow) {
    REQUIRE_IMAGE(image, "debian.tar");
    Process start{sandbox_command({"run", image, "true"}), with_store({})};
    ASSERT_TRUE(eventually([] { return find_descendant("sandbox-unpack") > 0; }));
    std::this_thread::sleep_for(milliseconds{100});
    start.signal(SIGINT);
    const Result result = start.wait();
    EXPECT_EQ(result.status, 130);
    EXPECT_TRUE(leftovers_in_store().empty());
}

TEST_F(Extraction, IsDoneByAConfinedProcessOfItsOwnSlow) {
    REQUIRE_IMAGE(image, "debian.tar");
    Process start{sandbox_command({"run", image, "true"}), with_store({})};
    pid_t unpack = -1;
    ASSERT_TRUE(eventually([&] { return (unpack = find_descendant("sandbox-unpack")) > 0; }));
    std::string status;
    EXPECT_TRUE(eventually([&] {
        status = read_text("/proc/" + std::to_string(unpack) + "/status");
        return contains(status, "NoNewPrivs:\t1") && contains(status, "Seccomp:\t2");
    })) << status;
    EXPECT_EQ(start.wait().status, 0);
}

TEST_F(Extraction, ALongImportShowsItsProgressOnATerminalSlow) {
    REQUIRE_IMAGE(image, "debian.tar");
    Terminal terminal{sandbox_command({"run", image, "echo", "done"}), with_store({})};
    hold_up_the_import();
    EXPECT_TRUE(terminal.expect("debian.tar  ["));
    EXPECT_TRUE(terminal.expect(" MB of "));
    EXPECT_TRUE(terminal.expect(" MB/s  "));
    EXPECT_TRUE(terminal.expect(" left"));
    EXPECT_TRUE(terminal.expect("\r\x1b[K")) << "wiped before the command has the terminal";
    EXPECT_TRUE(terminal.expect("done", seconds{60}));
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(Extraction, CtrlCAtTheProgressBarWipesItAndLeavesNothingSlow) {
    REQUIRE_IMAGE(image, "debian.tar");
    Terminal terminal{sandbox_command({"run", image, "echo", "done"}), with_store({})};
    hold_up_the_import();
    EXPECT_TRUE(terminal.expect(" left"));
    terminal.send("\x03");
    EXPECT_EQ(terminal.wait(), 130);
    EXPECT_TRUE(terminal.screen().ends_with("\r\x1b[K")) << terminal.screen();
    EXPECT_TRUE(leftovers_in_store().empty());
    EXPECT_FALSE(fs::exists(store() / "layers") && !layers().empty()) << "a half image";
}

TEST_F(Extraction, AnImportWithoutATerminalSaysNothing) {
    const Result result = sandbox({"run", busybox(), "true"});
    EXPECT_EQ(result.out + result.err, "");
}

TEST_F(Extraction, KeepIdAndSingleHaveTreesOfTheirOwn) {
    const std::string image = image_with({{.name = "f", .content = "x", .uid = 1000, .gid = 1000}});
    EXPECT_EQ(said(image, "stat -c %u /f"), "1000\n");
    EXPECT_EQ(sandbox({"run", "--userns", "keep-id", image, "stat", "-c", "%u", "/f"}).out, "1000\n");
    EXPECT_EQ(sandbox({"run", "--userns", "single", image, "sh", "-c", "echo y > /f && cat /f"}).out, "y\n");
}
