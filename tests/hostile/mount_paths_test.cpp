// SPDX-License-Identifier: Apache-2.0
// Row "Mount and path races": links in the image where something is mounted, and things swapped meanwhile.
// README.md says what each number stands for.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <sstream>
#include <thread>

#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

/// An image as a directory, used live, and a directory of the host's beside it that its links lead to.
class MountPaths : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        fs::create_directories(image());
        ASSERT_EQ(run({"tar", "-xf", busybox(), "-C", image(), "--no-same-owner"}).status, 0);
        fs::create_directories(outside() / "sub");
        for (const char* name : {"secret", "ptmx", "null", "console", "resolv.conf", "keys"}) {
            write_text(outside() / name, "of the host\n");
        }
        before_ = tree(outside());
    }

    void TearDown() override {
        if (!IsSkipped()) {
            EXPECT_EQ(tree(outside()), before_);
        }
        SandboxTest::TearDown();
    }

    [[nodiscard]] fs::path image() const { return scratch() / "image"; }
    [[nodiscard]] fs::path outside() const { return scratch() / "outside"; }

    /// Every name below `top`, with what the file holds, or where the link leads.
    static std::map<std::string, std::string> tree(const fs::path& top) {
        std::map<std::string, std::string> found;
        for (const auto& entry : fs::recursive_directory_iterator{top}) {
            const bool link = entry.is_symlink();
            found[entry.path()] = link                      ? "-> " + fs::read_symlink(entry.path()).string()
                                  : entry.is_regular_file() ? read_text(entry.path())
                                                            : "";
        }
        return found;
    }

    /// Puts a link into the image, in the place of what is there.
    void link(const std::string& place, const std::string& target) const {
        const fs::path path = image() / place.substr(1);
        fs::remove_all(path);
        fs::create_directories(path.parent_path());
        fs::create_symlink(target, path);
    }

    /// Mounts as the command sees them, and what it finds in the places that are mounted on.
    Result start(const Arguments& options, const std::string& command = {}) {
        Arguments arguments{"run", "--network", "none"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(),
                         {image(), "/bin/busybox", "sh", "-c",
                          command.empty() ? "cat /proc/self/mountinfo /target/* /work/* "
                                            "/etc/resolv.conf /dev/keys 2>/dev/null; echo ran"
                                          : command});
        return sandbox(arguments);
    }

    /// It ran, in a sandbox that shows nothing of the host, or there is one clear error.
    void expect_held(const Result& result, const std::string& what) {
        if (result.status == 125) {
            EXPECT_EQ(result.out, "") << what;
            EXPECT_TRUE(result.err.starts_with("sandbox: ")) << what << result.err;
        } else {
            EXPECT_EQ(result.status, 0) << what << result.err;
            EXPECT_TRUE(contains(result.out, "ran\n")) << what << result.out;
            ++ran_;
        }
        EXPECT_FALSE(contains(result.out, "of the host")) << what << result.out;
        // "ID PARENT DEVICE ROOT PLACE ...": what is mounted, not where, for a place of that name may be
        // inside.
        for (const std::string& line : lines_of(result.out)) {
            std::istringstream fields{line};
            std::string root;
            fields >> root >> root >> root >> root;
            EXPECT_FALSE(contains(root, outside())) << what << line;
        }
    }

    int ran_ = 0; ///< starts that were not refused

  private:
    std::map<std::string, std::string> before_;
};

/// Exchanges two names without a pause, for as long as it lives. renameat2(2), RENAME_EXCHANGE.
class Swapper {
  public:
    Swapper(const fs::path& one, const fs::path& other)
        : thread_([this, one, other] {
              constexpr unsigned exchange = 2;
              while (!stopping_) {
                  (void)::syscall(SYS_renameat2, AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), exchange);
                  ++count_;
              }
          }) {}
    ~Swapper() {
        stopping_ = true;
        thread_.join();
    }
    Swapper(const Swapper&) = delete;
    Swapper& operator=(const Swapper&) = delete;
    [[nodiscard]] unsigned long count() const { return count_; }

  private:
    std::atomic<bool> stopping_ = false;
    std::atomic<unsigned long> count_ = 0;
    std::thread thread_;
};

} // namespace

TEST_F(MountPaths, LinksInTheImageWhereSomethingIsMountedLeadNowhere) {
    fs::create_directory(scratch() / "mine");
    write_text(scratch() / "mine" / "file", "mine\n");
    const std::string up = "../../../../../../../../..";
    fs::create_directory(image() / "work");
    const std::map<std::string, Arguments> kinds{{"plain", {}}, {"read-only", {"--read-only"}}};
    for (const char* place : {"/proc", "/sys", "/dev", "/dev/pts", "/dev/null", "/dev/console", "/dev/ptmx",
                              "/dev/shm", "/dev/mqueue", "/etc", "/etc/resolv.conf", "/etc/hosts",
                              "/etc/hostname", "/tmp", "/run", "/var/tmp", "/target", "/work"}) {
        for (const std::string& target :
             {outside().string(), up + outside().string(), "/proc/self/root" + outside().string(),
              "/proc/1/cwd" + up, std::string{place}, (outside() / "absent").string()}) {
            link(place, target);
            for (const auto& [kind, options] : kinds) {
                Arguments all = options;
                all.insert(all.end(), {"-v", (scratch() / "mine").string() + ":/target:ro", "-w", "/work",
                                       "--tmpfs", "/run/fresh"});
                expect_held(start(all), std::string{place} + " -> " + target + ", " + kind + ": ");
            }
        }
        fs::remove(image() / std::string{place}.substr(1));
        for (const char* name : {"etc", "work"}) {
            fs::create_directory(image() / name);
        }
    }
    EXPECT_GT(ran_, 100) << "links that only stand in the way are refused, others are followed inside";
}

TEST_F(MountPaths, Cve2019_19921_AndCve2023_27561_ProcIsNoLinkIntoAVolume) {
    // The link's target is a volume that someone else writes to: there the runtime would find its own procfs.
    fs::create_directories(scratch() / "volume" / "proc" / "self" / "attr");
    link("/proc", "/volume/proc");
    const Result result =
        start({"-v", (scratch() / "volume").string() + ":/volume"}, "cat /proc/self/mountinfo; echo ran");
    EXPECT_EQ(result.status, 125) << result.out;
    EXPECT_TRUE(contains(result.err, "link")) << result.err;
    EXPECT_TRUE(fs::is_empty(scratch() / "volume" / "proc" / "self" / "attr"));
}

TEST_F(MountPaths, Cve2021_30465_ATargetThatIsSwappedForALinkLeadsNowhere) {
    // The target lies in a volume in which another writes: a directory, then a link out, and again.
    const fs::path shared = scratch() / "shared";
    fs::create_directories(shared / "target");
    fs::create_directory(scratch() / "planted");
    write_text(scratch() / "planted" / "file", "planted\n");
    fs::create_symlink("../../../../../../.." + outside().string(), shared / "other");
    int mounted = 0;
    {
        const Swapper swapper{shared / "target", shared / "other"};
        for (int i = 0; i < 60; ++i) {
            const Result result = start({"-v", shared.string() + ":/shared", "-v",
                                         (scratch() / "planted").string() + ":/shared/target:ro"},
                                        "cat /shared/target/*; cat /proc/self/mountinfo; echo ran");
            expect_held(result, "start " + std::to_string(i) + ": ");
            mounted += contains(result.out, "planted\n") ? 1 : 0;
        }
        EXPECT_GT(swapper.count(), 60U);
    }
    EXPECT_GT(mounted, 0) << "the directory was never met: nothing was tried";
}

TEST_F(MountPaths, Cve2024_45310_NothingIsMadeOnTheHostThroughASwappedDirectory) {
    const fs::path shared = scratch() / "shared";
    fs::create_directories(shared / "dir");
    fs::create_directory(scratch() / "planted");
    write_text(scratch() / "file", "planted\n");
    fs::create_symlink("../../../../../../.." + outside().string(), shared / "other");
    {
        const Swapper swapper{shared / "dir", shared / "other"};
        for (int i = 0; i < 40; ++i) {
            // Neither a directory nor a file may come to be, in `outside` or in the volume: TearDown looks.
            (void)start({"-v", shared.string() + ":/shared", "-v",
                         (scratch() / "planted").string() + ":/shared/dir/made/deep"});
            (void)start({"-v", shared.string() + ":/shared", "-v",
                         (scratch() / "file").string() + ":/shared/dir/made"});
        }
    }
    EXPECT_TRUE(fs::is_empty(fs::is_symlink(shared / "dir") ? shared / "other" : shared / "dir"));
}

TEST_F(MountPaths, Cve2025_31133_AMaskIsTheKernelsNullAndNoLinkOfTheImages) {
    // What hides /proc/keys is a bind of /dev/null; the image's, or a volume's, would be a link to more.
    link("/dev/null", "/proc/sys/kernel/core_pattern");
    const std::string look = "stat -c '%F %t %T' /proc/keys /dev/null; wc -c </proc/keys; echo ran";
    EXPECT_EQ(start({}, look).out, "character special file 1 3\ncharacter special file 1 3\n0\nran\n");
    fs::create_directory(scratch() / "dev");
    fs::create_symlink("/proc/sys/kernel/core_pattern", scratch() / "dev" / "null");
    const Result covered = start({"-v", (scratch() / "dev").string() + ":/dev:ro"},
                                 "stat -c '%F %t %T' /proc/keys; wc -c </proc/keys; echo ran");
    if (covered.status == 0) {
        EXPECT_EQ(covered.out, "character special file 1 3\n0\nran\n");
    } else {
        expect_failure(covered, 125, "/dev");
    }
}

TEST_F(MountPaths, Cve2025_52565_TheConsoleIsNoLinkOfTheImages) {
    for (const char* place : {"/dev/console", "/dev/pts", "/dev/pts/0", "/dev/ptmx"}) {
        fs::remove_all(image() / "dev");
        fs::create_directory(image() / "dev");
        link(place, "/proc/sysrq-trigger");
        const Result result = start({"-t"},
                                    "stat -c '%F' /dev/console; [ /dev/console -ef \"$(tty)\" ] || "
                                    "stat -c '%t %T' /dev/console \"$(tty)\"; grep -c sysrq "
                                    "/proc/self/mountinfo; echo ran");
        EXPECT_EQ(result.status, 0) << place << result.err;
        EXPECT_TRUE(result.out.starts_with("character special file\r\n")) << place << result.out;
        EXPECT_TRUE(result.out.ends_with("0\r\nran\r\n")) << place << result.out;
    }
}

TEST_F(MountPaths, Cve2025_52881_WhatIsWrittenToProcGoesToTheKernels) {
    // The image has files where the set-up writes to procfs: its own maps, sysctls, labels.
    const std::map<std::string, std::string> files{
        {"self/attr/exec", "x"},      {"self/uid_map", "x"},          {"self/setgroups", "x"},
        {"self/timens_offsets", "x"}, {"thread-self/attr/exec", "x"}, {"sys/net/ipv4/ping_group_range", "x"}};
    fs::permissions(image() / "proc", fs::perms::owner_all); // 0555 in the archive
    for (const auto& [name, text] : files) {
        const fs::path path = image() / "proc" / name;
        fs::create_directories(path.parent_path());
        write_text(path, text);
    }
    const auto before = tree(image() / "proc");
    for (const Arguments& options : {Arguments{}, Arguments{"--userns", "single"},
                                     Arguments{"--time-offset", "5"}, Arguments{"--read-only"}}) {
        const Result result = start(options, "stat -f -c %T /proc; cat /proc/self/attr/exec; echo ran");
        EXPECT_TRUE(result.out.starts_with("proc\n")) << result.out << result.err;
        EXPECT_TRUE(result.out.ends_with("ran\n")) << result.out << result.err;
    }
    EXPECT_EQ(tree(image() / "proc"), before);
}

TEST_F(MountPaths, Cve2026_41579_AndCve2026_47766_DevAsALinkOutOfTheImageChangesNothing) {
    for (const std::string& target : {outside().string(), "../../../../../../.." + outside().string(),
                                      std::string{"/proc/self/cwd"}, std::string{"/"}}) {
        link("/dev", target);
        const Result result = start({});
        EXPECT_EQ(result.status, 125) << target << result.out;
        EXPECT_TRUE(contains(result.err, "/dev")) << result.err;
    }
    // TearDown: ptmx is still there, and no link was made beside it.
}

TEST_F(MountPaths, ADirectoryThatTheImageBringsAsWorkdirIsNoWayOut) {
    for (const std::string& target :
         {outside().string(), "../../../../../../.." + outside().string(), std::string{"/proc/1/root"},
          std::string{"/proc/self/fd/3"}, (outside() / "made").string()}) {
        link("/work", target);
        const Result result = start({"-w", "/work"}, "pwd -P; cat secret; echo ran");
        EXPECT_EQ(result.status, 125) << target << result.out;
    }
}

TEST_F(MountPaths, ABindSourceThatIsSwappedAfterTheCheckIsRefused) {
    // strace holds the child up where it takes the source; until then the source is another one.
    REQUIRE_PROGRAM("strace");
    const fs::path source = scratch() / "source";
    fs::create_directory(source);
    write_text(source / "file", "mine\n");
    Arguments command{"strace",
                      "-f",
                      "-qq",
                      "-o",
                      scratch() / "trace",
                      "-e",
                      "trace=open_tree",
                      "-e",
                      "signal=none",
                      "-P",
                      source,
                      "-e",
                      "inject=open_tree:delay_enter=3000000"};
    for (const std::string& word :
         sandbox_command({"run", "--network", "none", "--userns", "single", "-v", source.string() + ":/mnt",
                          image(), "/bin/busybox", "cat", "/mnt/file"})) {
        command.push_back(word);
    }
    Process start{command, with_store({})};
    ASSERT_TRUE(eventually([&] { return contains(read_text(scratch() / "trace"), "open_tree("); }));
    fs::rename(source, scratch() / "put-away");
    fs::create_directory_symlink(outside(), source);
    const Result result = start.wait();
    expect_failure(result, 125, "--volume", "was replaced while the sandbox started");
}

TEST_F(MountPaths, BindSourcesThatAreSwappedAllTheTimeShowOneOrTheOther) {
    const fs::path source = scratch() / "source";
    fs::create_directory(source);
    write_text(source / "file", "one\n");
    fs::create_directory(scratch() / "other");
    write_text(scratch() / "other" / "file", "other\n");
    const Swapper swapper{source, scratch() / "other"};
    for (int i = 0; i < 40; ++i) {
        const Result result = start({"-v", source.string() + ":/mnt:ro"}, "cat /mnt/file");
        if (result.status != 0) {
            expect_failure(result, 125, "--volume");
        }
    }
}
