// SPDX-License-Identifier: Apache-2.0
// The supervisor's half of base/network_control.hpp.
#include "run/network_helper.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <iterator>

#include "base/error.hpp"
#include "base/helper_path.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

/// Messages of sandbox-net are shown by their lines, made printable: its input is hostile.
std::string printable_lines(const std::string& text) {
    std::string result;
    for (const std::string_view line : split(text, '\t')) {
        result += (result.empty() ? "" : "\nhint: ") + printable(line);
    }
    return result;
}

void show(const ControlMessage& message, const Log& log) {
    if (message.word == control_error || message.word == control_note) {
        log.note("network: " + printable_lines(message.text));
    } else if (message.word == control_summary) {
        log.note(printable(message.text));
    } else if (message.word == control_debug) {
        log.debug("network: " + printable_lines(message.text));
    }
}

} // namespace

NetworkHelper::~NetworkHelper() {
    kill_and_reap(process_);
}

void NetworkHelper::prepare(pollfd* wait) const {
    // Writable always is: the way to be called at once.
    const bool now = tap_.valid() && starts_at_once();
    wait[0] = {tap_.valid()       ? tap_.get()
               : control_.valid() ? control_.get()
                                  : -1,
               static_cast<short>(now ? POLLIN | POLLOUT : POLLIN), 0};
    wait[1] = {resolver_ ? resolver_->fd() : -1, POLLIN, 0};
}

void NetworkHelper::serve(const pollfd* ready, const Log& log) {
    if (ready[1].revents != 0 && resolver_) {
        if (const auto changed = resolver_->take_change()) {
            send_control(control_.get(), control_resolv_conf, *changed);
        }
    }
    if (ready[0].revents == 0) {
        return;
    }
    if (tap_.valid()) {
        start(log);
    } else {
        read_control(log);
    }
}

void NetworkHelper::start(const Log& log) {
    try {
        launch();
        if (request_.follows_host_resolver) {
            resolver_.emplace();
        }
    } catch (const Error& error) {
        log.note(std::string{"network: "} + error.what());
    }
    tap_.reset();
}

void NetworkHelper::launch() {
    int ends[2];
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "make", "a socket pair");
    UniqueFd ours{ends[0]};
    const UniqueFd theirs{ends[1]};
    const UniqueFd null{check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null")};
    SpawnRequest request;
    request.path = helper_path("sandbox-net");
    request.arguments = {"sandbox-net"};
    request.arguments.insert(request.arguments.end(), request_.arguments.begin(), request_.arguments.end());
    request.fds = {{null.get(), 0}, {null.get(), 1}};
    const auto pass = [&request](const UniqueFd& fd) {
        const int number = static_cast<int>(request.fds.size()) + 1; // from 3 on: stderr is inherited
        request.fds.push_back({fd.get(), number});
        return std::to_string(number);
    };
    const auto add = [&request](const char* option, const std::string& value) {
        request.arguments.insert(request.arguments.end(), {option, value});
    };
    add("--tap-fd", pass(tap_));
    add("--control-fd", pass(theirs));
    if (request_.flow_log.valid()) {
        add("--net-log-fd", pass(request_.flow_log));
    }
    if (request_.capture.valid()) {
        add("--pcap-fd", pass(request_.capture));
    }
    for (const PublishedPort& port : request_.published) {
        add("--publish", (port.transport == Transport::tcp ? "tcp:" : "udp:") + pass(port.socket) + ":" +
                             std::to_string(port.port));
    }
    process_ = spawn(request);
    control_ = std::move(ours);
    // A port must not seem open when the helper is gone.
    request_.flow_log.reset();
    request_.capture.reset();
    request_.published.clear();
}

void NetworkHelper::read_control(const Log& log) {
    // One a turn: a helper that a frame has taken over must not hold the supervisor by talking without end.
    ControlMessage message;
    const int received = receive_control(control_.get(), message);
    if (received > 0) {
        show(message, log);
    } else if (received == 0) {
        log.note("network: sandbox-net has ended; the sandbox has no network any more");
    }
    if (received == 0 || (received > 0 && message.word == control_error)) {
        control_.reset();
        resolver_.reset();
    }
}

void NetworkHelper::finish(const Log& log, SignalSource& signals, bool in_haste) {
    if (!control_.valid()) {
        return;
    }
    send_control(control_.get(), control_end);
    // A hostile or stuck one may not keep the user waiting for longer than it gives connections.
    const std::chrono::seconds farewell = in_haste ? std::chrono::seconds{1} : longest_farewell;
    const auto deadline = std::chrono::steady_clock::now() + farewell + std::chrono::milliseconds{500};
    while (true) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd wait[] = {{control_.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
        if (left.count() <= 0 || ::poll(wait, std::size(wait), static_cast<int>(left.count())) <= 0) {
            return;
        }
        while (const auto signal = signals.take()) {
            if (asks_to_end(static_cast<int>(signal->ssi_signo))) {
                return;
            }
        }
        if (wait[0].revents == 0) {
            continue;
        }
        ControlMessage message;
        if (receive_control(control_.get(), message) == 0) {
            return;
        }
        show(message, log);
    }
}

} // namespace sandbox
