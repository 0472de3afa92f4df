// SPDX-License-Identifier: Apache-2.0
// Processes with captured output and hard timeouts.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "harness.hpp"

extern char** environ;

namespace sandbox::test {

using Clock = std::chrono::steady_clock;

namespace {

void close_fd(int& fd) {
    if (fd >= 0) {
        ::close(fd);
    }
    fd = -1;
}

std::vector<std::string> environment_with(const RunOptions& options) {
    std::vector<std::string> result;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        const std::string name = text.substr(0, text.find('='));
        const bool changed = std::any_of(options.environment.begin(), options.environment.end(),
                                         [&](const auto& change) { return change.first == name; });
        if (!changed) {
            result.push_back(text);
        }
    }
    for (const auto& [name, value] : options.environment) {
        if (value) {
            result.push_back(name + "=" + *value);
        }
    }
    return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> result;
    std::transform(texts.begin(), texts.end(), std::back_inserter(result),
                   [](std::string& s) { return s.data(); });
    result.push_back(nullptr);
    return result;
}

/// @return false at the end of file
bool take_from(int fd, std::string& text) {
    char buffer[65536];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got > 0) {
        text.append(buffer, static_cast<std::size_t>(got));
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

} // namespace

Process::Process(const Arguments& arguments, RunOptions options) : options_(std::move(options)) {
    int in[2], out[2], err[2];
    if (::pipe2(in, O_CLOEXEC) < 0 || ::pipe2(out, O_CLOEXEC) < 0 || ::pipe2(err, O_CLOEXEC) < 0) {
        throw std::runtime_error("pipe2");
    }
    std::vector<std::string> argument_texts = arguments;
    std::vector<std::string> environment_texts = environment_with(options_);
    const std::vector<char*> argv = pointers_to(argument_texts);
    const std::vector<char*> envp = pointers_to(environment_texts);
    pid_ = ::fork();
    if (pid_ == 0) {
        (void)::setpgid(0, 0);
        ::dup2(options_.stdin_fd >= 0 ? options_.stdin_fd : in[0], 0);
        ::dup2(options_.stdout_fd >= 0 ? options_.stdout_fd : out[1], 1);
        ::dup2(options_.stderr_fd >= 0 ? options_.stderr_fd : err[1], 2);
        if (!options_.directory.empty() && ::chdir(options_.directory.c_str()) < 0) {
            ::_exit(121);
        }
        (void)::signal(SIGPIPE, SIG_DFL);
        options_.in_child();
        ::execvpe(argv[0], argv.data(), envp.data());
        ::_exit(122);
    }
    (void)::setpgid(pid_, pid_);
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    close_fd(in[0]);
    close_fd(out[1]);
    close_fd(err[1]);
    in_ = in[1];
    out_ = out[0];
    err_ = err[0];
    for (const int fd : {in_, out_, err_}) {
        (void)::fcntl(fd, F_SETFL, O_NONBLOCK);
    }
    pending_input_ = options_.input;
    if (pending_input_.empty() && !options_.keep_stdin_open) {
        close_fd(in_);
    }
}

Process::~Process() {
    if (!ended_ && pid_ > 0) {
        (void)::kill(-pid_, SIGCONT);
        (void)::kill(-pid_, SIGKILL);
        (void)::waitpid(pid_, nullptr, 0);
    }
    for (int* fd : {&in_, &out_, &err_, &pidfd_}) {
        close_fd(*fd);
    }
}

void Process::signal(int number) const {
    (void)::kill(pid_, number);
}

void Process::send(const std::string& text) {
    pending_input_ += text;
    (void)pump(milliseconds{0});
}

void Process::close_stdin() {
    options_.keep_stdin_open = false;
    if (pending_input_.empty()) {
        close_fd(in_);
    }
}

/// One round of input and output. @return whether anything happened
bool Process::pump(milliseconds timeout) {
    pollfd wait[] = {{pending_input_.empty() ? -1 : in_, POLLOUT, 0},
                     {out_, POLLIN, 0},
                     {err_, POLLIN, 0},
                     {pidfd_, POLLIN, 0}};
    if (::poll(wait, 4, static_cast<int>(timeout.count())) <= 0) {
        return false;
    }
    if (wait[0].revents != 0) {
        (void)::signal(SIGPIPE, SIG_IGN);
        const ssize_t put = ::write(in_, pending_input_.data(), pending_input_.size());
        pending_input_.erase(0, put > 0 ? static_cast<std::size_t>(put) : pending_input_.size());
        if (pending_input_.empty() && !options_.keep_stdin_open) {
            close_fd(in_);
        }
    }
    if (wait[1].revents != 0 && !take_from(out_, result_.out)) {
        close_fd(out_);
    }
    if (wait[2].revents != 0 && !take_from(err_, result_.err)) {
        close_fd(err_);
    }
    return true;
}

bool Process::wait_for_text(const std::string& where, const std::string& text, milliseconds timeout) {
    const auto end = Clock::now() + timeout;
    while (!contains(where, text)) {
        const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
        if (left.count() <= 0 || (out_ < 0 && err_ < 0)) {
            return false;
        }
        (void)pump(left);
    }
    return true;
}

bool Process::wait_for_output(const std::string& text, milliseconds timeout) {
    return wait_for_text(result_.out, text, timeout);
}

bool Process::wait_for_error(const std::string& text, milliseconds timeout) {
    return wait_for_text(result_.err, text, timeout);
}

Result Process::wait() {
    const auto end = Clock::now() + options_.timeout;
    bool timed_out = false;
    while (true) {
        int status = 0;
        if (!ended_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
            ended_ = true;
            result_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
            result_.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            close_fd(pidfd_);
        }
        if (ended_ && out_ < 0 && err_ < 0) {
            break;
        }
        const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
        if (left.count() <= 0) {
            timed_out = true;
            (void)::kill(-pid_, SIGKILL);
            if (ended_) {
                ADD_FAILURE() << "somebody keeps the pipes open after the end";
                break;
            }
            (void)::waitpid(pid_, nullptr, 0);
            ended_ = true;
            result_.status = 137;
            break;
        }
        (void)pump(left);
    }
    EXPECT_FALSE(timed_out) << "timed out; stdout: " << result_.out << "\nstderr: " << result_.err;
    return result_;
}

Result run(const Arguments& arguments, const RunOptions& options) {
    return Process{arguments, options}.wait();
}

} // namespace sandbox::test
