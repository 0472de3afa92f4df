// SPDX-License-Identifier: Apache-2.0
// What `sandbox export` writes is read back to the same tree, by tar, by podman and by sandbox itself.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "archive.hpp"
#include "harness.hpp"
#include "image_archive.hpp"
#include "terminal.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

const std::string capability{
    "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20};

/// One of each kind that a tar can hold.
std::vector<Entry> everything() {
    return {{.name = "deep/", .type = '5', .mode = 01777, .uid = 3, .mtime = 1234567890},
            {.name = "deep/0", .content = "x", .attributes = {{"user.long", std::string(3000, 'v')}}},
            {.name = "file", .content = "content", .mode = 0640, .uid = 1000, .gid = 50, .mtime = 981173106},
            {.name = "alias", .type = '1', .link = "file"},
            {.name = "link", .type = '2', .link = "../../etc/" + std::string(60, 'x'), .uid = 7, .gid = 8},
            {.name = "fifo", .type = '6', .mode = 0622, .uid = 9},
            {.name = "setuid", .content = "x", .mode = 06755, .uid = 33, .gid = 33},
            {.name = "empty", .mode = 0},
            {.name = "capable", .content = "x", .attributes = {{"security.capability", capability}}},
            {.name = "marked",
             .content = "x",
             .attributes = {{"user.b", std::string{"\0\n", 2}}, {"user.a", "1"}}},
            {.name = "latin-\xe9", .content = "not UTF-8"},
            {.name = "new\nline", .content = "x"}};
}

class Export : public SandboxTest {
  protected:
    std::string image() { return write_image(scratch() / "image.tar", everything()); }

    void export_to(const std::string& file, const std::string& image) {
        const Result result = sandbox({"export", "-o", scratch() / file, image});
        EXPECT_EQ(result.status, 0) << result.err;
        EXPECT_EQ(result.out + result.err, "");
    }

    /// A tree unpacked by GNU tar in a user namespace, listed with all that stat knows of it.
    std::string listing(const std::string& archive) {
        const fs::path tree = scratch() / ("tree-" + fs::path{archive}.filename().string());
        const Result result = in_namespace(
            "mkdir \"$1\" && tar --xattrs --xattrs-include='*' -xpf \"$0\" -C \"$1\" && cd \"$1\" && "
            "find . -mindepth 1 -printf '%P %y %m %U %G %T@ %n %l ' -type f -exec md5sum -b {} ';' -o "
            "-printf '\\n' | "
            "sort && "
            "getfattr -R -h -m - -d -e hex . 2>/dev/null | sort",
            {archive, tree.string()});
        EXPECT_EQ(result.status, 0) << result.err;
        return result.out;
    }

    Result in_namespace(const std::string& text, const Arguments& arguments) {
        Arguments command{"unshare", "--user", "--map-root-user", "--map-auto", "--", "sh", "-c", text};
        command.insert(command.end(), arguments.begin(), arguments.end());
        return run(command);
    }
};

} // namespace

TEST_F(Export, TarReadsItBackToTheSameTree) {
    const std::string original = image();
    export_to("export.tar", original);
    const std::string wanted = listing(original);
    EXPECT_EQ(listing(scratch() / "export.tar"), wanted);
    EXPECT_TRUE(contains(wanted, "security.capability")) << wanted;
}

TEST_F(Export, ItsOwnImportAndExportGivesTheSameBytes) {
    export_to("first.tar", image());
    export_to("second.tar", scratch() / "first.tar");
    EXPECT_TRUE(read_text(scratch() / "first.tar") == read_text(scratch() / "second.tar"));
}

TEST_F(Export, TheOrderOfTheArchiveDoesNotShow) {
    auto entries = everything();
    export_to("first.tar", write_image(scratch() / "forward.tar", entries));
    std::swap(entries[5], entries[6]);
    entries.push_back({.name = "deep/", .type = '5', .mode = 01777, .uid = 3, .mtime = 1234567890});
    export_to("second.tar", write_image(scratch() / "other.tar", entries));
    EXPECT_TRUE(read_text(scratch() / "first.tar") == read_text(scratch() / "second.tar"));
}

TEST_F(Export, StdoutGetsTheSameBytesAsAFile) {
    const std::string original = image();
    export_to("file.tar", original);
    const Result result = sandbox({"export", original});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(result.out == read_text(scratch() / "file.tar"));
}

TEST_F(Export, PodmanImportsIt) {
    REQUIRE_PROGRAM("podman");
    export_to("export.tar", image());
    RunOptions options;
    options.environment = {{"XDG_DATA_HOME", scratch() / "podman"},
                           {"XDG_CONFIG_HOME", scratch() / "config"}};
    const Result imported = run({"podman", "--cgroup-manager=cgroupfs", "--storage-driver=vfs", "import",
                                 "-q", scratch() / "export.tar", "it"},
                                options);
    if (imported.status != 0) {
        GTEST_SKIP() << "podman cannot import here: " << imported.err;
    }
    const Result again =
        run({"sh", "-c",
             "podman=\"podman --cgroup-manager=cgroupfs --storage-driver=vfs\"; "
             "$podman export -o \"$0\" $($podman create it true) && "
             "tar --numeric-owner --full-time --xattrs -tvvf \"$0\" file setuid link fifo deep/",
             scratch() / "podman.tar"},
            options);
    (void)eventually([] { return find_descendant("podman pause") > 0; }, milliseconds{500});
    if (const pid_t pause = find_descendant("podman pause"); pause > 0) { // it stays for the next podman
        (void)::kill(pause, SIGKILL);
        (void)::waitpid(pause, nullptr, 0);
    }
    if (again.status != 0) {
        GTEST_SKIP() << "podman cannot make containers here: " << again.err;
    }
    const Result wanted = run({"tar", "--numeric-owner", "--full-time", "--xattrs", "-tvvf",
                               scratch() / "export.tar", "file", "setuid", "link", "fifo", "deep/"});
    const auto sorted = [](const std::string& text) {
        auto lines = lines_of(text);
        std::sort(lines.begin(), lines.end());
        return lines;
    };
    EXPECT_EQ(sorted(again.out), sorted(wanted.out));
}

TEST_F(Export, HolesStayHoles) {
    constexpr off_t size = off_t{1} << 31;
    const fs::path tree = scratch() / "tree";
    fs::create_directories(tree / "bin");
    {
        const int fd = ::open((tree / "sparse").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        EXPECT_EQ(::pwrite(fd, "middle", 6, size / 2), 6);
        EXPECT_EQ(::ftruncate(fd, size), 0);
        ::close(fd);
    }
    export_to("export.tar", tree);
    EXPECT_LT(fs::file_size(scratch() / "export.tar"), 1000000U);
    ASSERT_EQ(run({"tar", "-C", scratch(), "-xf", scratch() / "export.tar", "sparse"}).status, 0);
    struct stat status {};
    ASSERT_EQ(::stat((scratch() / "sparse").c_str(), &status), 0);
    EXPECT_EQ(status.st_size, size);
    EXPECT_LT(status.st_blocks, 1000);
    EXPECT_EQ(run({"sh", "-c", "tail -c +1073741825 \"$0\" | head -c 6", scratch() / "sparse"}).out,
              "middle");
    // And through the store.
    export_to("again.tar", scratch() / "export.tar");
    EXPECT_TRUE(read_text(scratch() / "again.tar") == read_text(scratch() / "export.tar"));
}

TEST_F(Export, NanosecondsAndLongNamesAreKept) {
    const fs::path tree = scratch() / "tree";
    const std::string name(200, 'l');
    fs::create_directories(tree / "bin" / name);
    write_text(tree / "bin" / name / name, "x");
    const timespec times[2] = {{1, 123456789}, {1, 123456789}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (tree / "bin" / name / name).c_str(), times, 0), 0);
    export_to("export.tar", tree);
    fs::create_directory(scratch() / "out");
    ASSERT_EQ(run({"tar", "-C", scratch() / "out", "-xf", scratch() / "export.tar"}).status, 0);
    struct stat status {};
    ASSERT_EQ(::stat((scratch() / "out/bin" / name / name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mtim.tv_sec, 1);
    EXPECT_EQ(status.st_mtim.tv_nsec, 123456789);
}

TEST_F(Export, TrueOwnersOfATreeOfOneIdAreGivenBack) {
    const fs::path tree = scratch() / "tree";
    fs::create_directories(tree / "bin");
    write_text(tree / "owned", "x", 0600);
    if (::setxattr((tree / "owned").c_str(), "user.sandbox.owner", "33:3000000000:4711", 18, 0) != 0) {
        GTEST_SKIP() << "this filesystem has no user.* attributes";
    }
    export_to("export.tar", tree);
    const Result list =
        run({"tar", "--numeric-owner", "--xattrs", "-tvvf", scratch() / "export.tar", "owned"});
    EXPECT_TRUE(contains(list.out, "-rws--x--x  33/3000000000")) << list.out;
    EXPECT_FALSE(contains(read_text(scratch() / "export.tar"), "user.sandbox.owner"));
}

TEST_F(Export, ASocketAndWhatItsReaderMayNotSeeAreNamedOrLeftOut) {
    const fs::path tree = scratch() / "tree";
    fs::create_directories(tree / "bin");
    ASSERT_EQ(::mknod((tree / "socket").c_str(), S_IFSOCK | 0600, 0), 0);
    write_text(tree / "locked", "x", 0); // its owner's all the same
    export_to("export.tar", tree);
    EXPECT_EQ(run({"tar", "-tf", scratch() / "export.tar"}).out, "./\nbin/\nlocked\n");
}

TEST_F(Export, ATerminalIsRefused) {
    Terminal terminal{sandbox_command({"export", busybox()}), with_store({})};
    EXPECT_TRUE(terminal.expect("nothing for a terminal"));
    EXPECT_EQ(terminal.wait(), 125);
}

TEST_F(Export, AFileThatIsThereIsReplacedWholeOrNotAtAll) {
    write_text(scratch() / "export.tar", "before");
    expect_failure(sandbox({"export", "-o", scratch() / "export.tar", scratch() / "missing.tar"}), 125,
                   "missing.tar");
    EXPECT_EQ(read_text(scratch() / "export.tar"), "before");
    export_to("export.tar", busybox());
    EXPECT_NE(read_text(scratch() / "export.tar"), "before");
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator{scratch()}) {
        files += contains(entry.path(), ".tmp.") ? 1 : 0;
    }
    EXPECT_EQ(files, 0U);
}

TEST_F(Export, ThroughALinkWritesWhereItLeadsAndKeepsTheMode) {
    write_text(scratch() / "real.tar", "before", 0600);
    fs::create_symlink("real.tar", scratch() / "link.tar");
    EXPECT_EQ(sandbox({"export", busybox(), "-o", scratch() / "link.tar"}).status, 0);
    EXPECT_TRUE(fs::is_symlink(scratch() / "link.tar"));
    EXPECT_NE(read_text(scratch() / "real.tar"), "before");
    EXPECT_EQ(fs::status(scratch() / "real.tar").permissions(), static_cast<fs::perms>(0600));
}

TEST_F(Export, OfAStoredNameShowsAllLayersWithoutWhatTheyHide) {
    const ImageParts parts{{base_layer({{"kept", "1"}, {"gone", "1"}, {"changed", "lower"}}),
                            make_archive({{".wh.gone", ""}, {"changed", "upper", '0', "", 0600, 9, 10}})}};
    write_directory(scratch() / "layout", oci_layout(parts));
    ASSERT_EQ(sandbox({"import", scratch() / "layout", "layered"}).status, 0);
    export_to("whole.tar", "layered");
    const std::string whole = listing(scratch() / "whole.tar");
    EXPECT_TRUE(contains(whole, "\nkept f 755 0 0 ")) << whole;
    EXPECT_TRUE(contains(whole, "\nchanged f 600 9 10 ")) << whole;
    EXPECT_FALSE(contains(whole, "gone"));
    // The trees for one id remember the owners, which the tar then has again.
    const Result single =
        sandbox({"export", "--userns", "single", "-o", scratch() / "single.tar", "layered"});
    ASSERT_EQ(single.status, 0) << single.err;
    EXPECT_EQ(listing(scratch() / "single.tar"), whole);
}

TEST_F(Export, CtrlCLeavesNoFile) {
    ASSERT_EQ(sandbox({"run", busybox(), "true"}).status, 0);
    Process start{sandbox_command({"export", "-o", scratch() / "export.tar", busybox()}), [this] {
                      RunOptions options = with_store({});
                      options.in_child = [] { (void)::signal(SIGINT, SIG_DFL); };
                      return options;
                  }()};
    if (eventually([] { return find_descendant("sandbox-unpack") > 0; }, milliseconds{500})) {
        (void)::kill(find_descendant("sandbox-unpack"), SIGSTOP);
        start.signal(SIGINT);
        EXPECT_EQ(start.wait().status, 130);
        EXPECT_FALSE(fs::exists(scratch() / "export.tar"));
    }
}

TEST_F(Export, AFullDiskAndAClosedPipeAreErrors) {
    RunOptions options;
    options.stdout_fd = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    expect_failure(sandbox({"export", busybox()}, options), 125, "busybox.tar", "No space left");
    ::close(options.stdout_fd);
}

TEST_F(Export, TheHostAndNothingAreRefused) {
    expect_failure(sandbox({"export", "host"}), 125, "host", "not exported", "hint: ");
    expect_failure(sandbox({"export"}), 125, "export", "no image is named", "hint: ");
    expect_failure(sandbox({"export", busybox(), "more"}), 125, "export more", "one image");
    expect_failure(sandbox({"run", "-o", "x", busybox(), "true"}), 125, "--output", "means nothing to run");
}
