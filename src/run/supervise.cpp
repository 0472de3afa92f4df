// SPDX-License-Identifier: Apache-2.0
// The supervisor: one loop over the sandbox's end, signals, time, terminal and helpers. It sleeps unless
// something happens.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux/syscalls.hpp"
#include "run/launch.hpp"
#include "run/run.hpp"

namespace sandbox {

namespace {

constexpr int status_timed_out = 124;

/// A one-shot timer as a descriptor. timerfd_create(2).
UniqueFd make_timer() {
    return UniqueFd{check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "make", "a timer")};
}

void arm(const UniqueFd& timer, std::chrono::nanoseconds span) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
    itimerspec when{};
    when.it_value.tv_sec = seconds.count();
    when.it_value.tv_nsec = (span - seconds).count();
    if (span.count() == 0) {
        when.it_value.tv_nsec = 1; // zero would disarm it
    }
    check(::timerfd_settime(timer.get(), 0, &when, nullptr), "set", "a timer");
}

/// What was passed on is no longer ours to hold: kept open here too, the caller's pipes would never show end
/// of file, or SIGPIPE, to whoever is at their other end. Its number stays taken, for a second run of this
/// process (`build --epoch git`) must find nothing of ours there: see main.
void release(int first, int last, int flags) {
    const UniqueFd null{check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null")};
    for (int fd = first; fd <= last; ++fd) {
        check(::dup3(null.get(), fd, flags), "release", "a descriptor that was passed on");
    }
}

class Supervisor {
  public:
    Supervisor(const RunRequest& request, SignalSource& signals, RunningSandbox& sandbox)
        : request_(request), signals_(signals), sandbox_(sandbox) {
        if (request_.limits.timeout && request_.limits.timeout->count() > 0) {
            timer_ = make_timer();
            arm(timer_, *request_.limits.timeout);
        }
    }

    /// @return the sandbox's exit status
    int watch() {
        for (const int number : sandbox_.early_signals) {
            pass_signal(number);
        }
        enum {
            ended,
            signal,
            time,
            calls,
            network,
            terminal = network + NetworkHelper::wait_count,
            onlooker = terminal + TerminalProxy::wait_count
        };
        constexpr int count = onlooker + static_cast<int>(Onlooker::wait_count);
        while (true) {
            pollfd wait[count] = {{sandbox_.init.pidfd.get(), POLLIN, 0},
                                  {signals_.fd(), POLLIN, 0},
                                  {timer_.get(), POLLIN, 0},
                                  {sandbox_.calls ? sandbox_.calls->fd() : -1, POLLIN, 0}};
            for (int i = network; i < count; ++i) {
                wait[i].fd = -1;
            }
            if (sandbox_.network) {
                sandbox_.network->prepare(&wait[network]);
            }
            if (sandbox_.terminal) {
                sandbox_.terminal->prepare(&wait[terminal]);
            }
            if (request_.onlooker != nullptr) {
                request_.onlooker->prepare(&wait[onlooker]);
            }
            if (::poll(wait, count, -1) < 0 && errno != EINTR) {
                throw_errno(errno, "wait for", "the sandbox");
            }
            if (wait[ended].revents != 0) {
                return finish();
            }
            if (wait[signal].revents != 0) {
                pass_signals();
            }
            if (wait[time].revents != 0) {
                time_out();
            }
            if (sandbox_.network) {
                sandbox_.network->serve(&wait[network], request_.log);
            }
            if (sandbox_.calls) {
                sandbox_.calls->serve(wait[calls]);
            }
            if (sandbox_.terminal) {
                sandbox_.terminal->serve(&wait[terminal]);
                end_where_nobody_reads(*sandbox_.terminal);
            }
            if (request_.onlooker != nullptr) {
                request_.onlooker->serve(&wait[onlooker]);
            }
        }
    }

  private:
    int finish() {
        const int status = shell_status(wait_for(sandbox_.init));
        if (sandbox_.terminal) {
            drain(*sandbox_.terminal);
        }
        if (sandbox_.network) {
            sandbox_.network->finish(request_.log, signals_, timed_out_ || killed_);
        }
        if (sandbox_.calls) {
            request_.log.note(sandbox_.calls->text());
        }
        if (request_.onlooker != nullptr) {
            request_.onlooker->finish();
        }
        if (killed_) {
            return 128 + SIGKILL;
        }
        if (timed_out_) {
            return status_timed_out;
        }
        return sandbox_.terminal && sandbox_.terminal->output_gone() ? 128 + SIGPIPE : status;
    }

    /// What the command wrote last, once it has ended. A reader that stalls holds this up until a signal asks
    /// for the end, or time runs out, and not at all where it has run out for good.
    void drain(TerminalProxy& terminal) {
        while (terminal.copy_rest() && !killed_) {
            pollfd wait[] = {
                {terminal.output(), POLLOUT, 0}, {signals_.fd(), POLLIN, 0}, {timer_.get(), POLLIN, 0}};
            if (::poll(wait, std::size(wait), -1) < 0 && errno != EINTR) {
                throw_errno(errno, "wait for", "the reader of the output");
            }
            if (wait[2].revents != 0) {
                timed_out_ = true;
                return;
            }
            if (wait[1].revents != 0 && end_is_asked_for()) {
                return;
            }
        }
    }

    /// The waiting signals, when there is no command any more to pass them to.
    bool end_is_asked_for() {
        bool asked = false;
        while (const auto info = signals_.take()) {
            const int number = static_cast<int>(info->ssi_signo);
            asked = asked || asks_to_end(number);
            if (number == SIGTSTP) {
                stop_with_sandbox();
            }
        }
        return asked;
    }

    void send(int number) {
        (void)sys::pidfd_send_signal(sandbox_.init.pidfd.get(), number); // gone: the loop sees it next
    }

    /// Everything of the sandbox. Where it shares the host's pids the death of its init would end that alone.
    void end_all() {
        if ((request_.plan.clone_flags & CLONE_NEWPID) != 0) {
            send(SIGKILL);
            return;
        }
        siginfo_t info{};
        info.si_signo = SIGTERM;
        info.si_code = SI_QUEUE;
        info.si_value.sival_int = end_all_value;
        (void)sys::pidfd_send_signal(sandbox_.init.pidfd.get(), SIGTERM,
                                     &info); // gone: the loop sees it next
    }

    /// What writes to a terminal sees no SIGPIPE, so the end comes from here.
    void end_where_nobody_reads(const TerminalProxy& terminal) {
        if (terminal.output_gone() && !unread_) {
            unread_ = true;
            end_all();
        }
    }

    void pass_signals() {
        while (const auto info = signals_.take()) {
            pass_signal(static_cast<int>(info->ssi_signo));
        }
    }

    void pass_signal(int number) {
        if (number == SIGWINCH && sandbox_.terminal) {
            sandbox_.terminal->resize(); // the sandbox's terminal tells its foreground job
        } else if (number == SIGTSTP) {
            stop_with_sandbox();
        } else {
            send(number == SIGTERM ? request_.limits.stop_signal : number);
        }
    }

    /// Ctrl-Z in the caller's terminal: the command stops, and so do we, until the shell says SIGCONT.
    void stop_with_sandbox() {
        send(SIGTSTP);
        if (sandbox_.terminal) {
            sandbox_.terminal->suspend();
        }
        (void)::raise(SIGSTOP);
        if (sandbox_.terminal) {
            sandbox_.terminal->resume();
        }
        send(SIGCONT);
    }

    /// As timeout(1): SIGTERM (or what the image wants for it) to the command first, with SIGCONT lest it be
    /// stopped; then an end to everything.
    void time_out() {
        std::uint64_t expirations = 0;
        (void)!::read(timer_.get(), &expirations, sizeof expirations);
        if (timed_out_) {
            killed_ = true;
            end_all();
            timer_.reset();
            return;
        }
        timed_out_ = true;
        send(request_.limits.stop_signal);
        send(SIGCONT);
        arm(timer_, request_.limits.kill_after);
    }

    const RunRequest& request_;
    SignalSource& signals_;
    RunningSandbox& sandbox_;
    UniqueFd timer_;
    bool timed_out_ = false;
    bool killed_ = false;
    bool unread_ = false; ///< ended because nobody reads the output any more
};

} // namespace

SignalSource forwarded_signals() {
    sigset_t set;
    (void)::sigfillset(&set);
    // Not passed on: what the kernel sends for a fault of our own, children, and the stops of a background
    // job.
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGCHLD, SIGTTIN,
                          SIGTTOU, SIGPIPE, SIGKILL, SIGSTOP}) {
        (void)::sigdelset(&set, own);
    }
    return SignalSource{set};
}

RunResult run_sandbox(const RunRequest& request, SignalSource& signals,
                      const std::function<void()>& while_running) {
    RunResult result;
    const TerminalKeeper keeper;
    try {
        RunningSandbox sandbox = launch(request, signals);
        if (!sandbox.terminal) {
            release(STDIN_FILENO, STDOUT_FILENO, 0);
        }
        if (request.plan.process.preserved_fds > 0) {
            release(STDERR_FILENO + 1, STDERR_FILENO + static_cast<int>(request.plan.process.preserved_fds),
                    O_CLOEXEC);
        }
        while_running();
        result.status = Supervisor{request, signals, sandbox}.watch();
        if (request.cgroup != nullptr && request.cgroup->oom_kills() > 0) {
            request.log.note("--memory: the limit was reached, and the kernel killed what used most");
        }
        result.user_namespace = std::move(sandbox.user_namespace);
        result.workspace_upper = std::move(sandbox.workspace_upper);
    } catch (const LaunchInterrupted& interrupted) {
        result.status = 128 + interrupted.signal;
    }
    return result;
}

} // namespace sandbox
