// SPDX-License-Identifier: Apache-2.0
// `sandbox build --check`: for each variation a build that leaks just that, and is caught and named.
#include <sched.h>

#include <algorithm>

#include "build_fixture.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class BuildCheck : public BuildTest {
  protected:
    /// Expects one differing output, o, and what it betrays.
    void expect_caught(const std::string& text, const std::string& variation, Arguments options = {}) {
        options.insert(options.begin(), "--check");
        const Result result = build(text, options);
        EXPECT_EQ(result.status, 1) << text << "\n" << result.err;
        EXPECT_TRUE(result.err.starts_with("o: ") && contains(result.err, "(" + variation + ")\n"))
            << text << "\n"
            << result.err;
        EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
        EXPECT_FALSE(has("o"));
    }
};

} // namespace

TEST_F(BuildCheck, ACleanBuildPassesAndTouchesNothing) {
    put("a", "a\n");
    const Result result = build("mkdir d; cat a > d/b; printf '%s' $SOURCE_DATE_EPOCH > o", {"--check"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(contains(result.err, "reproducible: 3 outputs are the same in both builds\n")) << result.err;
    EXPECT_EQ(listing(), "a");
}

TEST_F(BuildCheck, ACompilersOutputIsTheSame) {
    REQUIRE_PROGRAM("cc");
    put("main.c", "#include <stdio.h>\nint main(void) { puts(__FILE__ __DATE__ __TIME__); return 0; }\n");
    const Result result = build("cc -g -O1 -o o main.c && ar rcsD lib.a o", {"--check"});
    EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(BuildCheck, CatchesTime) {
    expect_caught("date +%s > o", "time");
    expect_caught("date > o", "time");
    expect_caught("LC_ALL=C ls -l --time-style=full-iso /proc/self/status | cut -d' ' -f6-7 > o", "time");
}

TEST_F(BuildCheck, CatchesTheHostname) {
    expect_caught("hostname > o", "hostname");
    expect_caught("printf 'some text on %s' $(uname -n) > o", "hostname");
}

TEST_F(BuildCheck, CatchesANameOfAFile) {
    const Result result = build("touch o-$(hostname)", {"--check"});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.err,
              "o-elsewhere: only in the second build (hostname)\n"
              "o-sandbox: only in the first build (hostname)\n");
}

TEST_F(BuildCheck, NamesTheOneFileThatIsMissingBetweenOthers) {
    const Result result =
        build("mkdir a; touch a/c a.c; test $(hostname) = elsewhere || touch a/b", {"--check"});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.err, "a/b: only in the first build\n");
}

TEST_F(BuildCheck, CatchesTheUser) {
    expect_caught("id -un > o", "user");
    expect_caught("id -u > o", "user");
    expect_caught("mkdir /tmp/x; touch -d @0 /tmp/x; tar -C /tmp --mode=755 -cf o x", "user");
}

TEST_F(BuildCheck, CatchesTheUmask) {
    expect_caught("umask > o", "umask");
    expect_caught("mkdir /tmp/x; touch -d @0 /tmp/x; tar -C /tmp --owner=0 --group=0 --numeric-owner -cf o x",
                  "umask");
}

TEST_F(BuildCheck, CatchesTheTimeZone) {
    expect_caught("date -d @0 > o", "timezone");
    expect_caught("date -d @0 +%H:%M > o", "timezone");
}

TEST_F(BuildCheck, CatchesTheNumberOfProcessors) {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) < 0 || CPU_COUNT(&set) < 2) {
        GTEST_SKIP() << "one processor only";
    }
    expect_caught("nproc > o", "processors");
    expect_caught("getconf _NPROCESSORS_ONLN > o", "processors");
    expect_caught("cat /sys/devices/system/cpu/online > o", "processors");
    expect_caught("grep -c ^processor /proc/cpuinfo > o", "processors");
}

TEST_F(BuildCheck, CatchesTheEnvironment) {
    expect_caught("env | grep NOISE > o; true", "environment");
}

TEST_F(BuildCheck, CatchesAddresses) {
    expect_caught("grep stack /proc/self/maps | cut -d- -f1 > o", "addresses");
}

TEST_F(BuildCheck, CatchesTheKernel) {
    expect_caught("uname -r > o", "kernel");
    expect_caught("cat /proc/version > o", "kernel");
    expect_caught("cat /proc/sys/kernel/osrelease > o", "kernel");
}

TEST_F(BuildCheck, CatchesTheOrderOfADirectory) {
    for (const char* name : {"b", "a", "d", "c", "e"}) {
        put(std::string{"dir/"} + name, "");
    }
    expect_caught("ls -U dir > o", "order");
}

TEST_F(BuildCheck, CatchesTheLocale) {
    REQUIRE_PROGRAM("localedef");
    if (!fs::exists("/usr/share/i18n/locales/en_US")) {
        GTEST_SKIP() << "no sources of locales: the package locales is not installed";
    }
    ASSERT_EQ(run({"localedef", "-i", "en_US", "-f", "UTF-8", (workspace() / "en_US.UTF-8").string()}).status,
              0);
    expect_caught("printf 'b\\nB\\na\\nA\\n' | sort > o", "locale", {"-e", "LOCPATH=/build"});
}

TEST_F(BuildCheck, CatchesThePathWhereAsked) {
    EXPECT_EQ(build("pwd > o", {"--check"}).status, 0);
    expect_caught("pwd > o", "path", {"--vary", "path"});
    expect_caught("pwd > o", "path", {"--vary", "all"});
}

TEST_F(BuildCheck, VariesOnlyWhatIsAsked) {
    EXPECT_EQ(build("hostname > o; echo $TZ >> o", {"--check", "--vary", "user,umask"}).status, 0);
}

TEST_F(BuildCheck, SaysWhenTheSecondBuildFails) {
    const Result result = build("test $(hostname) = sandbox", {"--check"});
    expect_failure(result, 125, "--check", "the second build failed, with status 1", "hostname");
}

TEST_F(BuildCheck, CatchesWhatHasTheTimeAndSizeOfTheWorkspaces) {
    const std::string text = "head -c 4 /dev/urandom > o; touch -d @$SOURCE_DATE_EPOCH o";
    ASSERT_EQ(build(text).status, 0);
    const Result result = build("rm o; " + text, {"--check"});
    EXPECT_EQ(result.status, 1) << result.err;
    EXPECT_TRUE(contains(result.err, "o: differs from byte ")) << result.err;
}

TEST_F(BuildCheck, OfABuildThatMakesNothingIsNoSuccess) {
    put("up-to-date", "1");
    for (const Arguments& options : {Arguments{"--check"}, Arguments{"--check", "--output", "up-to-date"}}) {
        expect_failure(build("true", options), 125, "--check", "neither build made anything", "make -B");
    }
}

TEST_F(BuildCheck, EndsAtASignalBetweenTheBuilds) {
    put("a", "a");
    RunOptions options;
    options.directory = workspace();
    Process process(sandbox_command({"build", "--check", "--", "sh", "-c", "sleep 0.1"}),
                    with_store(options));
    // The copy that is read in another order is made, then the next second is waited for.
    ASSERT_TRUE(eventually([&] {
        for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(process.pid()) + "/fd")) {
            std::error_code gone;
            if (contains(fs::read_symlink(entry, gone).string(), "/dev/shm/sandbox-check.")) {
                return true;
            }
        }
        return false;
    }));
    process.signal(SIGTERM);
    const Result result = process.wait();
    EXPECT_EQ(result.status, 143) << result.err;
    EXPECT_EQ(result.err, "");
}

TEST_F(BuildCheck, PassesTheStatusOfAFirstBuildThatFailsOn) {
    EXPECT_EQ(build("exit 5", {"--check"}).status, 5);
}

TEST_F(BuildCheck, BothBuildsReadTheSameFromStdin) {
    RunOptions options;
    options.input = "once\n";
    const Result result = build("cat > o", {"--check"}, options);
    EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(BuildCheck, LooksOnlyAtTheOutputs) {
    EXPECT_EQ(build("hostname > log; echo 1 > o", {"--check", "--output", "o"}).status, 0);
}
