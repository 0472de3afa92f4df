// SPDX-License-Identifier: Apache-2.0
// The caller's terminal while a sandbox with one of its own runs.
#include "run/terminal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/error.hpp"

namespace sandbox {

namespace {

constexpr char end_of_transmission = '\x04'; // what Ctrl-D sends

/// stdout in a description of its own: O_NONBLOCK on the caller's would be seen by all who share it. Not
/// valid where it cannot be opened again: a socket, or another user's pipe.
UniqueFd open_output() {
    return UniqueFd{::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
}

/// Whoever started us with SIGPIPE ignored wants what runs to go on without a reader.
bool ignores_sigpipe() {
    struct sigaction action {};
    return ::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

} // namespace

TerminalKeeper::TerminalKeeper() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::tcgetattr(fd, &original_) == 0) {
            terminal_ = UniqueFd{::fcntl(fd, F_DUPFD_CLOEXEC, 3)};
            return;
        }
    }
}

TerminalKeeper::~TerminalKeeper() {
    termios now{};
    // Only what was changed is set: from the background setting anything would stop us.
    if (terminal_.valid() && ::tcgetattr(terminal_.get(), &now) == 0 &&
        (now.c_iflag != original_.c_iflag || now.c_oflag != original_.c_oflag ||
         now.c_cflag != original_.c_cflag || now.c_lflag != original_.c_lflag)) {
        (void)::tcsetattr(terminal_.get(), TCSADRAIN, &original_);
    }
}

TerminalProxy::TerminalProxy(UniqueFd master)
    : master_(std::move(master)), output_(open_output()), broken_pipe_{SIGPIPE} {
    if (!output_.valid()) {
        output_ = UniqueFd{check(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), "duplicate", "stdout")};
        output_blocks_ = true;
    }
    (void)::fcntl(master_.get(), F_SETFL, O_NONBLOCK); // else only slower
    has_terminal_ = ::tcgetattr(STDIN_FILENO, &original_) == 0;
    resize();
    make_raw();
}

TerminalProxy::~TerminalProxy() {
    suspend();
    while (broken_pipe_.take()) {
        // Unblocked, it would kill us.
    }
}

void TerminalProxy::make_raw() {
    if (has_terminal_) {
        termios raw = original_;
        ::cfmakeraw(&raw);
        // From the background this stops us with SIGTTOU, as it should.
        (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
}

void TerminalProxy::suspend() {
    if (has_terminal_) {
        (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &original_); // a terminal that is gone needs nothing
    }
}

void TerminalProxy::resume() {
    make_raw();
    resize();
}

void TerminalProxy::resize() {
    winsize size{};
    if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        (void)::ioctl(master_.get(), TIOCSWINSZ, &size);
    }
}

void TerminalProxy::prepare(pollfd* wait) const {
    const bool wants_input = input_open_ && pending_input_.empty();
    const bool wants_output = output_open_ && pending_output_.empty();
    wait[0] = {wants_input ? STDIN_FILENO : -1, POLLIN, 0};
    const auto master_events =
        static_cast<short>((wants_output ? POLLIN : 0) | (pending_input_.empty() ? 0 : POLLOUT));
    // A hang-up is told whatever is asked for: it would wake us until the output has made room.
    const bool waits_for_output = hung_up_ && !pending_output_.empty();
    wait[1] = {master_events != 0 && !waits_for_output ? master_.get() : -1, master_events, 0};
    wait[2] = {pending_output_.empty() ? -1 : output_.get(), POLLOUT, 0};
}

void TerminalProxy::serve(const pollfd* ready) {
    if (ready[0].revents != 0) {
        copy_input();
    }
    if ((ready[1].revents & POLLOUT) != 0) {
        flush_input();
    }
    hung_up_ = (ready[1].revents & (POLLHUP | POLLERR)) != 0;
    // Told of a hang-up when only input waits: what was read before it still has to go out.
    if ((hung_up_ || (ready[1].revents & POLLIN) != 0) && pending_output_.empty() &&
        copy_output() == Output::ended) {
        output_open_ = false;
        input_open_ = false;
        pending_input_.clear(); // nobody is there to read it
    }
    if (ready[2].revents != 0) {
        flush_output();
    }
}

void TerminalProxy::copy_input() {
    char buffer[4096];
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got > 0) {
        pending_input_.assign(buffer, static_cast<std::size_t>(got));
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        input_open_ = false;
        pending_input_.assign(1, end_of_transmission);
    }
    flush_input();
}

void TerminalProxy::flush_input() {
    const ssize_t put = ::write(master_.get(), pending_input_.data(), pending_input_.size());
    if (put > 0) {
        pending_input_.erase(0, static_cast<std::size_t>(put));
    } else if (put < 0 && errno != EAGAIN && errno != EINTR) {
        pending_input_.clear(); // nobody is there to read it
    }
}

TerminalProxy::Output TerminalProxy::copy_output() {
    char buffer[16384];
    const ssize_t got = ::read(master_.get(), buffer, sizeof buffer);
    if (got > 0) {
        pending_output_.assign(buffer, static_cast<std::size_t>(got));
        flush_output();
        return Output::some;
    }
    // EIO: the last holder of the slave is gone. pty(7).
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? Output::none : Output::ended;
}

void TerminalProxy::flush_output() {
    std::size_t size = pending_output_.size();
    if (output_blocks_) {
        pollfd room{output_.get(), POLLOUT, 0};
        if (::poll(&room, 1, 0) <= 0) {
            return;
        }
        size = std::min(size, std::size_t{PIPE_BUF}); // for which there is room, where there is any
    }
    const ssize_t put = ::write(output_.get(), pending_output_.data(), size);
    if (put > 0) {
        pending_output_.erase(0, static_cast<std::size_t>(put));
    } else if (put < 0 && errno != EAGAIN && errno != EINTR) {
        output_gone_ = output_gone_ || (errno == EPIPE && !ignores_sigpipe());
        pending_output_.clear(); // nobody is there to read it
    }
}

bool TerminalProxy::copy_rest() {
    if (!pending_output_.empty()) {
        flush_output();
    }
    while (pending_output_.empty()) {
        if (copy_output() != Output::some) {
            return false;
        }
    }
    return true;
}

} // namespace sandbox
