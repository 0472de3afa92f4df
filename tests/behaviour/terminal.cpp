// SPDX-License-Identifier: Apache-2.0
// The pseudo-terminal driver.
#include "terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace sandbox::test {

using Clock = std::chrono::steady_clock;

Terminal::Terminal(const Arguments& arguments, const RunOptions& options, unsigned short rows,
                   unsigned short columns) {
    winsize size{rows, columns, 0, 0};
    if (::openpty(&master_, &slave_, nullptr, nullptr, &size) < 0) {
        throw std::runtime_error("openpty");
    }
    (void)::fcntl(master_, F_SETFD, FD_CLOEXEC);
    (void)::fcntl(slave_, F_SETFD, FD_CLOEXEC);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
        (void)::setsid();
        (void)::ioctl(slave_, TIOCSCTTY, 0);
        for (int fd = 0; fd < 3; ++fd) {
            ::dup2(slave_, fd);
        }
        for (const auto& [name, value] : options.environment) {
            if (value) {
                ::setenv(name.c_str(), value->c_str(), 1);
            } else {
                ::unsetenv(name.c_str());
            }
        }
        if (!options.directory.empty() && ::chdir(options.directory.c_str()) < 0) {
            ::_exit(121);
        }
        options.in_child();
        ::execvp(argv[0], argv.data());
        ::_exit(122);
    }
}

Terminal::~Terminal() {
    if (!ended_) {
        (void)::kill(pid_, SIGKILL);
        (void)::waitpid(pid_, nullptr, 0);
    }
    ::close(master_);
    ::close(slave_);
}

void Terminal::send(const std::string& keys) {
    std::size_t sent = 0;
    while (sent < keys.size()) {
        const ssize_t put = ::write(master_, keys.data() + sent, keys.size() - sent);
        if (put <= 0) {
            return;
        }
        sent += static_cast<std::size_t>(put);
    }
}

bool Terminal::read_some(milliseconds timeout) {
    pollfd wait{master_, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(timeout.count())) <= 0) {
        return false;
    }
    char buffer[65536];
    const ssize_t got = ::read(master_, buffer, sizeof buffer);
    if (got > 0) {
        screen_.append(buffer, static_cast<std::size_t>(got));
    }
    return got > 0;
}

bool Terminal::expect(const std::string& text, milliseconds timeout) {
    const auto end = Clock::now() + timeout;
    while (true) {
        const auto found = screen_.find(text, seen_);
        if (found != std::string::npos) {
            seen_ = found + text.size();
            return true;
        }
        const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
        if (left.count() <= 0 || !read_some(left)) {
            ADD_FAILURE() << "the terminal did not show \"" << text << "\", but:\n" << screen_;
            return false;
        }
    }
}

void Terminal::resize(unsigned short rows, unsigned short columns) {
    const winsize size{rows, columns, 0, 0};
    (void)::ioctl(master_, TIOCSWINSZ, &size); // and SIGWINCH to the foreground job
}

termios Terminal::settings() const {
    termios result{};
    (void)::tcgetattr(slave_, &result);
    return result;
}

void Terminal::signal(int number) const {
    (void)::kill(pid_, number);
}

int Terminal::wait(milliseconds timeout) {
    const auto end = Clock::now() + timeout;
    while (!ended_) {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            ended_ = true;
            while (read_some(milliseconds{0})) {
            }
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        if (Clock::now() > end) {
            ADD_FAILURE() << "no end in time; the terminal shows:\n" << screen_;
            return -1;
        }
        (void)read_some(milliseconds{5});
    }
    return -1;
}

bool same_settings(const termios& a, const termios& b) {
    return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag &&
           a.c_lflag == b.c_lflag && std::memcmp(a.c_cc, b.c_cc, sizeof a.c_cc) == 0;
}

} // namespace sandbox::test
