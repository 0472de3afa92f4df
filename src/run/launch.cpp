// SPDX-License-Identifier: Apache-2.0
// The parent's half of child/handshake.hpp.
#include "run/launch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>

#include "base/files.hpp"
#include "child/child.hpp"
#include "idmap/user_namespace_failure.hpp"
#include "linux/syscalls.hpp"
#include "run/failure.hpp"

namespace sandbox {

namespace {

/// A child that is being started: killed and reaped unless it is released.
class StartingChild {
  public:
    explicit StartingChild(pid_t pid) : process_{pid, UniqueFd{sys::pidfd_open(pid)}} {
        if (!process_.pidfd.valid()) {
            const int code = errno;
            end();
            throw SystemError(code, "open a pidfd of", "the sandbox");
        }
    }
    ~StartingChild() { end(); }
    StartingChild(const StartingChild&) = delete;
    StartingChild& operator=(const StartingChild&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return process_.pid; }
    ChildProcess release() {
        ChildProcess released = std::move(process_);
        process_.pid = -1;
        return released;
    }

  private:
    void end() noexcept {
        if (process_.pid > 0) {
            (void)::kill(process_.pid, SIGKILL);
            (void)::waitpid(process_.pid, nullptr, 0);
        }
    }

    ChildProcess process_;
};

struct Channel {
    UniqueFd parent;
    UniqueFd child;
};

Channel make_channel() {
    int ends[2];
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "make", "a socket pair");
    return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

pid_t clone_child(const RunRequest& request, Channel& channel, const sigset_t& mask) {
    clone_args arguments{};
    arguments.flags = request.plan.clone_flags;
    arguments.exit_signal = SIGCHLD;
    if (request.cgroup != nullptr) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = static_cast<std::uint64_t>(request.cgroup->fd());
    }
    const pid_t pid = sys::clone3(&arguments);
    if (pid == 0) {
        // The parent's death must be end of file here.
        (void)::close(channel.parent.get());
        enter_sandbox(request.plan, channel.child.get(), mask);
    }
    if (pid < 0) {
        const int code = errno;
        throw LaunchError(user_namespace_failure(code), Stage::begin, code);
    }
    return pid;
}

/// Waits for a packet, and keeps the signals that come first. The onlooker is served meanwhile: under a
/// filter that tells it of calls, the command's own execve(2) waits for its word.
void wait_for_packet(const RunRequest& request, int channel, SignalSource& signals,
                     std::vector<int>& early_signals) {
    constexpr std::size_t own = 2;
    while (true) {
        pollfd wait[own + Onlooker::wait_count] = {{channel, POLLIN, 0}, {signals.fd(), POLLIN, 0}};
        for (std::size_t i = own; i < std::size(wait); ++i) {
            wait[i].fd = -1;
        }
        if (request.onlooker != nullptr) {
            request.onlooker->prepare(&wait[own]);
        }
        if (::poll(wait, std::size(wait), -1) < 0 && errno != EINTR) {
            throw_errno(errno, "wait for", "the sandbox");
        }
        if (request.onlooker != nullptr) {
            request.onlooker->serve(&wait[own]);
        }
        if (wait[0].revents != 0) {
            return;
        }
        while (const auto signal = signals.take()) {
            const int number = static_cast<int>(signal->ssi_signo);
            // The command may run already: its end of the channel is closed a moment later. So the first is
            // its.
            if (asks_to_end(number) && std::any_of(early_signals.begin(), early_signals.end(), asks_to_end)) {
                throw LaunchInterrupted{number};
            }
            early_signals.push_back(number);
        }
    }
}

void take_descriptor(const RunRequest& request, int channel, RunningSandbox& sandbox, char tag, UniqueFd fd) {
    switch (tag) {
        case tag_tap:
            sandbox.network = std::make_unique<NetworkHelper>(std::move(fd), request.network);
            break;
        case tag_fuse:
            sandbox.file_system = std::make_unique<FuseOverlayHelper>(fd, request.plan.root, request.mapping);
            break;
        case tag_terminal:
            sandbox.terminal = std::make_unique<TerminalProxy>(std::move(fd));
            break;
        case tag_listener:
            sandbox.calls = std::make_unique<CallReport>(std::move(fd));
            break;
        case tag_upper:
            sandbox.workspace_upper = std::move(fd);
            break;
        case tag_root: {
            request.onlooker->take_root(std::move(fd));
            const char tag_back = tag_go_on;
            (void)::send(channel, &tag_back, 1, MSG_NOSIGNAL); // a dead child shows as end of file
            break;
        }
        case tag_lookups:
            request.onlooker->take_listener(std::move(fd));
            break;
        default:
            throw Error("sandbox", "unexpected packet from the child");
    }
}

/// What the child said before it went, if it said anything.
void throw_waiting_report(int channel, const Plan& plan) {
    pollfd wait{channel, POLLIN, 0};
    char tag = 0;
    int fd = -1;
    Report report;
    while (::poll(&wait, 1, 0) == 1) {
        switch (receive_packet(channel, &tag, &fd, &report)) {
            case Received::descriptor:
                (void)::close(fd);
                break;
            case Received::report:
                throw_report(report, plan);
            case Received::end:
            case Received::failure:
                return;
        }
    }
}

/// Up to end of file, which is the command's exec.
void follow_child(const RunRequest& request, int channel, SignalSource& signals, RunningSandbox& sandbox) {
    while (true) {
        wait_for_packet(request, channel, signals, sandbox.early_signals);
        char tag = 0;
        int fd = -1;
        Report report;
        switch (receive_packet(channel, &tag, &fd, &report)) {
            case Received::descriptor:
                take_descriptor(request, channel, sandbox, tag, UniqueFd{fd});
                break;
            case Received::report:
                sandbox.terminal.reset(); // the message belongs on a terminal in its usual state
                throw_report(report, request.plan);
            case Received::end:
                return;
            case Received::failure:
                // ECONNRESET comes before what the child said, where it went without reading what it was
                // sent.
                sandbox.terminal.reset();
                throw_waiting_report(channel, request.plan);
                throw Error("sandbox", "was killed while it was set up");
        }
    }
}

} // namespace

bool asks_to_end(int signal) {
    return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
}

RunningSandbox launch(const RunRequest& request, SignalSource& signals) {
    Channel channel = make_channel();
    StartingChild child{clone_child(request, channel, signals.previous_mask())};
    channel.child.reset();
    // A failure from here on destroys `running`, with its helpers, before `child`.
    RunningSandbox running;
    try {
        write_maps(child.pid(), request.mapping);
    } catch (const Error&) {
        throw_waiting_report(channel.parent.get(), request.plan); // a dead child's maps cannot be written
        throw;
    }
    if (request.mapping.way == MapWay::helpers) {
        // Now, for the child closes its doors before it runs anything. Needed to clear up what sub-ids own.
        const std::string path = "/proc/" + std::to_string(child.pid()) + "/ns/user";
        running.user_namespace = UniqueFd{check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path)};
    }
    if (request.mapping.way != MapWay::self) {
        const char tag = tag_maps_written;
        (void)::send(channel.parent.get(), &tag, 1, MSG_NOSIGNAL); // a dead child shows as end of file
    }
    follow_child(request, channel.parent.get(), signals, running);
    running.init = child.release();
    return running;
}

} // namespace sandbox
