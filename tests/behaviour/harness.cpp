// SPDX-License-Identifier: Apache-2.0
// Files, processes of others, and the fixture that looks for leftovers.
#include "harness.hpp"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace sandbox::test {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

std::vector<pid_t> children_of(pid_t pid) {
    std::vector<pid_t> result;
    std::error_code ignored;
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& task : fs::directory_iterator{tasks, ignored}) {
        std::istringstream list{read_text(task.path() / "children")};
        for (pid_t child = 0; list >> child;) {
            result.push_back(child);
        }
    }
    return result;
}

template <typename Visit>
void visit_descendants(pid_t pid, const Visit& visit) {
    for (const pid_t child : children_of(pid)) {
        const std::string name = trimmed(read_text("/proc/" + std::to_string(child) + "/comm"));
        const std::string status = read_text("/proc/" + std::to_string(child) + "/status");
        if (name != "sandbox-domain" && !name.empty() && !contains(status, "\nState:\tZ")) {
            visit(child, name);
        }
        visit_descendants(child, visit);
    }
}

std::vector<std::string> own_mounts() {
    std::vector<std::string> result;
    for (const std::string& line : lines_of(read_text("/proc/self/mountinfo"))) {
        if (contains(line, " - overlay") || contains(line, " - fuse") || contains(line, "sandbox")) {
            result.push_back(line);
        }
    }
    return result;
}

std::size_t open_fds() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{}));
}

} // namespace

// --- files and processes ---

TemporaryDirectory::TemporaryDirectory() {
    const char* base = std::getenv("TMPDIR");
    if (base == nullptr) {
        base = std::getenv("HOME");
    }
    std::string pattern = std::string{base != nullptr ? base : "/tmp"} + "/sandbox-test.XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("mkdtemp " + pattern);
    }
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code failure;
    fs::remove_all(path_, failure);
    if (failure) {
        (void)run({"unshare", "--user", "--map-root-user", "--map-auto", "--", "rm", "-rf", path_.string()});
    }
}

std::string read_text(const fs::path& path) {
    // A file of /proc whose process ends while it is read is an error of the stream, no exception, this way.
    const std::ifstream file{path, std::ios::binary};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void write_text(const fs::path& path, const std::string& text, unsigned mode) {
    std::ofstream{path, std::ios::binary} << text;
    (void)::chmod(path.c_str(), mode);
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(line);
    }
    return lines;
}

std::string trimmed(const std::string& text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    const auto end = text.find_last_not_of(" \t\r\n");
    return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::string sandbox_binary() {
    const char* given = std::getenv("SANDBOX_BINARY");
    return given != nullptr ? given : SANDBOX_TEST_BINARY;
}

std::string image_path(const std::string& name) {
    const char* directory = std::getenv("SANDBOX_TEST_IMAGES");
    const std::string path = directory != nullptr ? std::string{directory} + "/" + name : "";
    return !path.empty() && ::access(path.c_str(), R_OK) == 0 ? path : "";
}

bool has_program(const std::string& name) {
    return run({"sh", "-c", "command -v \"$0\"", name}).status == 0;
}

bool eventually(const std::function<bool()>& condition, milliseconds timeout) {
    const auto end = Clock::now() + timeout;
    while (!condition()) {
        if (Clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(milliseconds{2});
    }
    return true;
}

std::vector<std::string> descendants() {
    std::vector<std::string> names;
    visit_descendants(::getpid(), [&](pid_t pid, const std::string& name) {
        names.push_back(name + " (" + std::to_string(pid) + ")");
    });
    return names;
}

pid_t find_descendant(const std::string& wanted) {
    pid_t found = -1;
    visit_descendants(::getpid(), [&](pid_t pid, const std::string& name) {
        found = found < 0 && name == wanted.substr(0, 15) ? pid : found;
    });
    return found;
}

// --- the fixture ---

void SandboxTest::SetUp() {
    if (::geteuid() == 0 && !accepts_root_) {
        FAIL() << "behaviour tests run as a plain user: tests/run.sh makes one";
    }
    // What a run leaves behind becomes our child, and is seen at the end.
    (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::umask(022);
    busybox_ = image_path("busybox.tar");
    if (busybox_.empty()) {
        GTEST_SKIP() << "no image busybox.tar in $SANDBOX_TEST_IMAGES (images/busybox.sh makes it)";
    }
    directory_.emplace();
    mounts_before_ = own_mounts();
    fds_before_ = open_fds();
}

void SandboxTest::TearDown() {
    if (!directory_) {
        return;
    }
    EXPECT_TRUE(eventually([] { return descendants().empty(); }, seconds{5}))
        << "left running: " << ::testing::PrintToString(descendants());
    EXPECT_EQ(own_mounts(), mounts_before_) << "mounts left behind";
    EXPECT_EQ(open_fds(), fds_before_);
    if (store_is_checked_ && !IsSkipped()) {
        EXPECT_EQ(leftovers_in_store(), std::vector<std::string>{});
    }
    directory_.reset();
}

Arguments SandboxTest::sandbox_command(const Arguments& arguments) const {
    Arguments command{sandbox_binary()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
}

RunOptions SandboxTest::with_store(RunOptions options) const {
    options.environment.insert(options.environment.begin(), {"SANDBOX_ROOT", store().string()});
    return options;
}

Result SandboxTest::sandbox(const Arguments& arguments, RunOptions options) {
    return run(sandbox_command(arguments), with_store(std::move(options)));
}

Result SandboxTest::script(const std::string& text, const Arguments& options, const RunOptions& run_options) {
    Arguments arguments{"run"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {busybox_, "sh", "-c", text});
    return sandbox(arguments, run_options);
}

std::vector<std::string> SandboxTest::leftovers_in_store() const {
    std::vector<std::string> found;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator{store() / "tmp", ignored}) {
        found.push_back(entry.path());
    }
    for (const auto& kind : fs::directory_iterator{store() / "runs", ignored}) {
        for (const auto& number : fs::directory_iterator{kind.path(), ignored}) {
            for (const auto& part : fs::directory_iterator{number.path(), ignored}) {
                const std::string name = part.path().filename();
                const bool clean = name == "work" || (name == "upper" && fs::is_empty(part.path(), ignored));
                if (!clean) {
                    found.push_back(part.path());
                }
            }
        }
    }
    return found;
}

void expect_failure(const Result& result, int status, const std::string& object, const std::string& reason,
                    const std::string& hint) {
    EXPECT_EQ(result.status, status);
    EXPECT_EQ(result.out, "");
    const std::vector<std::string> lines = lines_of(result.err);
    ASSERT_TRUE(lines.size() == 1 || lines.size() == 2) << result.err;
    EXPECT_TRUE(lines[0].starts_with("sandbox: ")) << result.err;
    EXPECT_TRUE(contains(lines[0], object)) << result.err;
    EXPECT_TRUE(contains(lines[0], reason)) << result.err;
    if (lines.size() == 2) {
        EXPECT_TRUE(lines[1].starts_with("hint: ")) << result.err;
    }
    EXPECT_TRUE(contains(result.err.substr(lines[0].size()), hint)) << result.err;
}

} // namespace sandbox::test
