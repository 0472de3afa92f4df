// SPDX-License-Identifier: Apache-2.0
// Signals as something to read: signalfd(2).
#pragma once

#include <signal.h>
#include <sys/signalfd.h>

#include <functional>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "base/unique_fd.hpp"

namespace sandbox {

/// "SIGQUIT", "QUIT", "RTMIN+3" or "3" as a number. signal(7)
std::optional<int> signal_number(std::string_view text);

/// Whether the signal asks a program to end: SIGINT, SIGTERM, SIGHUP or SIGQUIT.
bool asks_to_end(int signal);

/// Thrown where such a signal ends what is being done; what was half-made is gone by then.
struct Interrupted {
    int signal = 0;
};

/// Called between the steps of long work; throws Interrupted where it is to end.
using Checkpoint = std::function<void()>;

/// Blocks signals and delivers them through a descriptor; the destructor gives the old mask back.
class SignalSource {
  public:
    explicit SignalSource(std::initializer_list<int> signals);
    explicit SignalSource(const sigset_t& signals);
    ~SignalSource();
    SignalSource(const SignalSource&) = delete;
    SignalSource& operator=(const SignalSource&) = delete;

    /// Readable when a signal waits. Non-blocking.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The next waiting signal, if any.
    std::optional<signalfd_siginfo> take();
    /// Takes all that wait; throws Interrupted for one that asks to end.
    void checkpoint();
    /// The mask as it was before.
    [[nodiscard]] const sigset_t& previous_mask() const noexcept { return previous_; }

  private:
    sigset_t previous_{};
    UniqueFd fd_;
};

} // namespace sandbox
