// SPDX-License-Identifier: Apache-2.0
// A tap without a device: what the parts of sandbox-net write to the inside comes out at the other end.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "net/packet.hpp"
#include "net/reactor.hpp"
#include "net/tap.hpp"

namespace sandbox::net {

class Wire {
  public:
    static constexpr MacAddress guest{2, 0, 0, 0, 0, 0x15};

    Wire() {
        int pair[2];
        check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "make", "a wire");
        tap_.emplace(UniqueFd{pair[0]}, guest);
        inside_ = UniqueFd{pair[1]};
    }

    [[nodiscard]] Tap& tap() { return *tap_; }

    /// The next frame that came to the inside, or an empty one.
    std::vector<std::byte> next() {
        std::vector<std::byte> frame(max_frame);
        const ssize_t got = ::recv(inside_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
        frame.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return frame;
    }

  private:
    std::optional<Tap> tap_;
    UniqueFd inside_;
};

/// Serves the reactor until the condition holds, five seconds at most.
inline bool serve_until(Reactor& reactor, const std::function<bool()>& condition) {
    const auto end = Clock::now() + std::chrono::seconds{5};
    while (!condition()) {
        if (Clock::now() > end) {
            return false;
        }
        pollfd ready{reactor.fd(), POLLIN, 0};
        (void)::poll(&ready, 1, 20);
        reactor.dispatch();
    }
    return true;
}

inline Endpoint endpoint(const std::string& address, std::uint16_t port) {
    return {parse_ip_address(address).value(), port};
}

} // namespace sandbox::net
