// SPDX-License-Identifier: Apache-2.0
// Signals through signalfd(2).
#include "base/signals.hpp"

#include <cstring>
#include <tuple>

#include "base/error.hpp"
#include "base/text.hpp"

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

std::optional<int> signal_number(std::string_view text) {
    if (const auto number = parse_number(text, static_cast<std::uint64_t>(SIGRTMAX))) {
        return *number > 0 ? std::optional{static_cast<int>(*number)} : std::nullopt;
    }
    if (text.starts_with("SIG")) {
        text.remove_prefix(3);
    }
    for (const auto& [prefix, first, sign] : {std::tuple{std::string_view{"RTMIN"}, SIGRTMIN, 1},
                                              std::tuple{std::string_view{"RTMAX"}, SIGRTMAX, -1}}) {
        if (text == prefix) {
            return first;
        }
        if (text.starts_with(prefix) && text[prefix.size()] == (sign > 0 ? '+' : '-')) {
            const auto step =
                parse_number(text.substr(prefix.size() + 1), static_cast<std::uint64_t>(SIGRTMAX - SIGRTMIN));
            return step ? std::optional{first + sign * static_cast<int>(*step)} : std::nullopt;
        }
    }
    for (int number = 1; number < SIGRTMIN; ++number) {
        const char* const name = ::sigabbrev_np(number); // glibc 2.32
        if (name != nullptr && text == name) {
            return number;
        }
    }
    return std::nullopt;
}

bool asks_to_end(int signal) {
    return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
}

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

void SignalSource::checkpoint() {
    while (const auto signal = take()) {
        const int number = static_cast<int>(signal->ssi_signo);
        if (asks_to_end(number)) {
            throw Interrupted{number};
        }
    }
}

} // namespace sandbox
