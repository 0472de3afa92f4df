// SPDX-License-Identifier: Apache-2.0
// Builds that are killed at any moment: each file of the workspace is as it was before, or as it was built.
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "harness.hpp"

namespace sandbox::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int tries = 100;     // on each of two file systems
constexpr unsigned files = 40; // some in the workspace's top, some in directories
constexpr std::size_t file_size = 20000;

std::string name_of_file(unsigned number) {
    return number % 4 == 0 ? "file" + std::to_string(number)
                           : "made/part" + std::to_string(number % 3) + "/file" + std::to_string(number);
}

/// A text of one generation and one file alone, as the build's own script makes it.
std::string content_of(unsigned generation, unsigned number) {
    const std::string line = std::to_string(generation) + " " + std::to_string(number) + "\n";
    std::string text;
    while (text.size() < file_size) {
        text += line;
    }
    return text;
}

constexpr const char* maker = R"(import os, sys
generation = sys.argv[1]
for number in range(int(sys.argv[2])):
    name = "file%d" % number if number % 4 == 0 else "made/part%d/file%d" % (number % 3, number)
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    line = "%s %d\n" % (generation, number)
    with open(name, "w") as file:
        file.write(line * -(-int(sys.argv[3]) // len(line)))
print("made", flush=True)
)";

/// A store on a file system in memory.
class MemoryStore {
  public:
    MemoryStore() : made_(::mkdtemp(path_.data()) != nullptr) {}
    ~MemoryStore() {
        if (made_) {
            (void)run({"unshare", "--user", "--map-root-user", "--map-auto", "--", "rm", "-rf", path_});
        }
    }
    MemoryStore(const MemoryStore&) = delete;
    MemoryStore& operator=(const MemoryStore&) = delete;
    /// Empty where there is no such file system.
    [[nodiscard]] std::string path() const { return made_ ? path_ : ""; }

  private:
    std::string path_ = "/dev/shm/sandbox-test.XXXXXX";
    bool made_;
};

class BuildKill : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        if (!IsSkipped()) {
            fs::create_directory(workspace());
            write_text(workspace() / "make.py", maker);
        }
    }

    [[nodiscard]] fs::path workspace() const { return scratch() / "work"; }

    /// @param root the store; "": the test's own, on the workspace's file system
    [[nodiscard]] Arguments build(unsigned generation, const std::string& root) const {
        Arguments arguments{"build", "-C", workspace().string(), "--output", "file*", "--output", "made"};
        if (!root.empty()) {
            arguments.insert(arguments.end(), {"--root", root});
        }
        arguments.insert(arguments.end(), {"--", "python3", "make.py", std::to_string(generation),
                                           std::to_string(files), std::to_string(file_size)});
        return arguments;
    }

    void build_whole(unsigned generation, const std::string& root) {
        const Result result = sandbox(build(generation, root));
        ASSERT_EQ(result.status, 0) << result.err;
        expect_generations({generation});
    }

    /// Every file is there, whole, and of one of these.
    void expect_generations(const std::set<unsigned>& generations) {
        for (unsigned number = 0; number < files; ++number) {
            const std::string text = read_text(workspace() / name_of_file(number));
            const auto generation = static_cast<unsigned>(std::strtoul(text.c_str(), nullptr, 10));
            EXPECT_TRUE(generations.contains(generation)) << name_of_file(number) << " is of " << generation;
            EXPECT_TRUE(text == content_of(generation, number))
                << name_of_file(number) << " has " << text.size() << " bytes: " << text.substr(0, 40);
        }
    }

    /// @return names that the build does not have, as temporary files' are
    [[nodiscard]] std::vector<std::string> strangers() const {
        std::set<std::string> own{"make.py", "made", "made/part0", "made/part1", "made/part2"};
        for (unsigned number = 0; number < files; ++number) {
            own.insert(name_of_file(number));
        }
        std::vector<std::string> found;
        for (const auto& entry : fs::recursive_directory_iterator{workspace()}) {
            const std::string path = fs::relative(entry.path(), workspace());
            if (!own.contains(path)) {
                found.push_back(path);
            }
        }
        return found;
    }

    /// How many files are of the generation.
    [[nodiscard]] unsigned count_of(unsigned generation) const {
        unsigned count = 0;
        for (unsigned number = 0; number < files; ++number) {
            const std::string text = read_text(workspace() / name_of_file(number));
            count += text.starts_with(std::to_string(generation) + " ") ? 1 : 0;
        }
        return count;
    }

    /// @param after_command whether the pause begins when the command has made all its files
    void kill_one(unsigned generation, const std::string& root, bool after_command,
                  std::chrono::microseconds pause) {
        Process process{sandbox_command(build(generation, root)), with_store({})};
        if (after_command) {
            (void)process.wait_for_output("made\n");
        }
        std::this_thread::sleep_for(pause);
        process.signal(SIGKILL); // the supervisor has no time for anything, and what is inside dies with it
        (void)process.wait();
        ASSERT_TRUE(eventually([] { return descendants().empty(); })) << "a killed build's processes live on";
    }

    /// @return how many kills fell into the midst of the outputs' way home
    int kill_many(const std::string& root, unsigned seed);
};

int BuildKill::kill_many(const std::string& root, unsigned seed) {
    std::mt19937 random{seed};
    build_whole(1, root);
    build_whole(2, root);
    const auto begin = Clock::now();
    build_whole(3, root);
    const auto whole = static_cast<unsigned>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count());
    std::set<unsigned> present{3};
    int midway = 0;
    unsigned generation = 3;
    for (int i = 0; i < tries && !HasFailure(); ++i) {
        ++generation;
        // A third anywhere in the build; else where its files are on their way.
        const bool after_command = i % 3 != 0;
        const unsigned longest = after_command ? whole / 4 : whole;
        const std::chrono::microseconds pause{random() % (longest + 1)};
        kill_one(generation, root, after_command, pause);
        present.insert(generation);
        expect_generations(present);
        const unsigned arrived = count_of(generation);
        midway += arrived > 0 && arrived < files ? 1 : 0;
        if (root.empty()) {
            EXPECT_EQ(strangers(), std::vector<std::string>{});
        }
        if (i % 10 == 9) {
            build_whole(++generation, root);
            present = {generation};
        }
        EXPECT_FALSE(HasFailure()) << "try " << i << ", seed " << seed << ", after the command "
                                   << after_command << ", pause " << pause.count() << " us";
    }
    return midway;
}

TEST_F(BuildKill, SlowEachFileIsOldOrNewWhereOutputsAreMoved) {
    REQUIRE_PROGRAM("python3");
    const int midway = kill_many("", 6);
    RecordProperty("midway", midway);
    std::printf("%d of %d kills left some files old and some new\n", midway, tries);
    build_whole(100000, "");
    EXPECT_EQ(sandbox({"prune"}).status, 0);
}

TEST_F(BuildKill, SlowEachFileIsOldOrNewWhereOutputsAreCopied) {
    REQUIRE_PROGRAM("python3");
    const MemoryStore memory;
    struct stat here {};
    struct stat there {};
    if (::stat(workspace().c_str(), &here) < 0 || ::stat(memory.path().c_str(), &there) < 0 ||
        here.st_dev == there.st_dev) {
        GTEST_SKIP() << "/dev/shm is no file system beside the workspace's";
    }
    const int midway = kill_many(memory.path(), 7);
    RecordProperty("midway", midway);
    std::printf("%d of %d kills left some files old and some new\n", midway, tries);
    // Between linkat(2) and rename(2) a whole file has two names, if the kill falls there: no more than that.
    for (const std::string& path : strangers()) {
        EXPECT_TRUE(contains(path, ".sandbox-")) << path;
        EXPECT_GE(fs::file_size(workspace() / path), file_size) << path;
    }
    build_whole(100000, memory.path());
}

} // namespace
} // namespace sandbox::test
