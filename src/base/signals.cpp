// SPDX-License-Identifier: Apache-2.0
// Signals through signalfd(2).
#include "base/signals.hpp"

#include "base/error.hpp"

namespace sandbox {

namespace {

sigset_t set_of(std::initializer_list<int> signals) {
    sigset_t set;
    (void)::sigemptyset(&set);
    for (const int signal : signals) {
        (void)::sigaddset(&set, signal);
    }
    return set;
}

} // namespace

SignalSource::SignalSource(std::initializer_list<int> signals) : SignalSource(set_of(signals)) {}

SignalSource::SignalSource(const sigset_t& set) {
    check(::sigprocmask(SIG_BLOCK, &set, &previous_), "block", "signals");
    fd_ = UniqueFd{check(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "make", "a signalfd")};
}

SignalSource::~SignalSource() {
    (void)::sigprocmask(SIG_SETMASK, &previous_, nullptr);
}

std::optional<signalfd_siginfo> SignalSource::take() {
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) {
        return std::nullopt;
    }
    return info;
}

} // namespace sandbox
