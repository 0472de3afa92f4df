// SPDX-License-Identifier: Apache-2.0
// What every behaviour test stands on: real processes with captured output, a store of the test's own, and a
// look at what a run left behind.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sandbox::test {

using Arguments = std::vector<std::string>;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct RunOptions {
    /// Added to the test's own environment; nullopt takes a variable away.
    std::vector<std::pair<std::string, std::optional<std::string>>> environment = {};
    std::string input = {};                 ///< what stdin has, before its end
    bool keep_stdin_open = false;           ///< no end of file until close_stdin()
    std::string directory = {};             ///< the working directory
    milliseconds timeout = seconds{60};     ///< then the whole process group is killed, and the test fails
    std::function<void()> in_child = [] {}; ///< called between fork and exec
    int stdin_fd = -1, stdout_fd = -1, stderr_fd = -1; ///< in place of the pipes
};

struct Result {
    int status = -1; ///< as a shell says it: the exit status, or 128 + the signal's number
    int signal = 0;  ///< the signal that ended it, or 0
    std::string out;
    std::string err;
};

/// A process in a group of its own, its stdio in pipes. The group is killed where it still runs at the end.
class Process {
  public:
    explicit Process(const Arguments& arguments, RunOptions options = {});
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    void signal(int number) const;
    void send(const std::string& text);
    void close_stdin();
    /// Reads until stdout (or stderr) holds `text`. @return whether it came in time
    bool wait_for_output(const std::string& text, milliseconds timeout = seconds{20});
    bool wait_for_error(const std::string& text, milliseconds timeout = seconds{20});
    [[nodiscard]] const std::string& out() const { return result_.out; }
    [[nodiscard]] const std::string& err() const { return result_.err; }
    /// To the end of the process; what its pipes held comes with it.
    Result wait();

  private:
    bool pump(milliseconds timeout);
    bool wait_for_text(const std::string& where, const std::string& text, milliseconds timeout);

    RunOptions options_;
    pid_t pid_ = -1;
    int pidfd_ = -1;
    int in_ = -1, out_ = -1, err_ = -1;
    std::string pending_input_;
    bool ended_ = false;
    Result result_;
};

Result run(const Arguments& arguments, const RunOptions& options = {});

/// A directory that goes with its object, also where sub-ids own what is in it.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

std::string read_text(const std::filesystem::path& path);
void write_text(const std::filesystem::path& path, const std::string& text, unsigned mode = 0644);
std::vector<std::string> lines_of(const std::string& text);
std::string trimmed(const std::string& text);
bool contains(const std::string& text, const std::string& part);

/// The built binary, or $SANDBOX_BINARY.
std::string sandbox_binary();
/// A file of $SANDBOX_TEST_IMAGES, or "" where it is not there.
std::string image_path(const std::string& name);
/// Whether a program is in the PATH.
bool has_program(const std::string& name);
/// Until it holds, asked each few milliseconds. @return whether it did in time
bool eventually(const std::function<bool()>& condition, milliseconds timeout = seconds{30});
/// Living processes below this one, orphans included (the test process is their subreaper), by name, without
/// the holder of the domain.
std::vector<std::string> descendants();
/// The pid of the first descendant whose name is this, or -1.
pid_t find_descendant(const std::string& name);

/// A plain user, a fresh store, and at the end: nothing left behind.
class SandboxTest : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    /// `sandbox ARGUMENTS` with the test's own store.
    Result sandbox(const Arguments& arguments, RunOptions options = {});
    /// `sandbox run [options] busybox.tar sh -c SCRIPT`
    Result script(const std::string& text, const Arguments& options = {}, const RunOptions& run_options = {});
    [[nodiscard]] Arguments sandbox_command(const Arguments& arguments) const;
    /// The test's store joined to what a run is given.
    [[nodiscard]] RunOptions with_store(RunOptions options) const;

    [[nodiscard]] std::filesystem::path scratch() const { return directory_->path(); }
    [[nodiscard]] std::filesystem::path store() const { return directory_->path() / "store"; }
    [[nodiscard]] const std::string& busybox() const { return busybox_; }
    /// Everything that a run should have removed from the store, by path.
    [[nodiscard]] std::vector<std::string> leftovers_in_store() const;

    bool accepts_root_ = false;
    bool store_is_checked_ = true;

  private:
    std::optional<TemporaryDirectory> directory_;
    std::string busybox_;
    std::vector<std::string> mounts_before_;
    std::size_t fds_before_ = 0;
};

/// One line `sandbox: OBJECT: ...` that holds `object` and `reason`, at most a hint line, status, empty
/// stdout.
void expect_failure(const Result& result, int status, const std::string& object,
                    const std::string& reason = "", const std::string& hint = "");

} // namespace sandbox::test

/// Declares VARIABLE as the image's path, or skips the test.
#define REQUIRE_IMAGE(variable, name)                               \
    const std::string variable = ::sandbox::test::image_path(name); \
    if (variable.empty())                                           \
    GTEST_SKIP() << "no image " << (name) << " in $SANDBOX_TEST_IMAGES"

#define REQUIRE_PROGRAM(name)                \
    if (!::sandbox::test::has_program(name)) \
    GTEST_SKIP() << "the program " << (name) << " is not installed"
