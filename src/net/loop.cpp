// SPDX-License-Identifier: Apache-2.0
// poll(2), not epoll(7): libslirp names all its descriptors anew before each sleep.
#include "net/loop.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/error.hpp"

namespace sandbox::net {

namespace {

/// Enough to make a wake-up cheap, few enough that the sockets get their turn.
constexpr int frames_per_wakeup = 64;

using FrameBuffer = std::vector<std::byte>;

/// @return false when the tap is gone
bool drain(const LoopParts& parts, FrameBuffer& buffer) {
    for (int count = 0; count < frames_per_wakeup; ++count) {
        std::span<const std::byte> frame;
        const Tap::Read result = parts.tap.read(buffer, frame);
        if (result == Tap::Read::gone) {
            return false;
        }
        if (result == Tap::Read::empty) {
            break;
        }
        parts.router.from_inside(frame);
    }
    parts.slirp.flush();
    return true;
}

/// The sooner of two timeouts as poll(2) takes them, where -1 is never.
int sooner(int one, int other) noexcept {
    return one < 0 ? other : other < 0 ? one : std::min(one, other);
}

} // namespace

void run_loop(const LoopParts& parts) {
    enum : std::size_t { tap, control, reactor };
    FrameBuffer buffer(max_frame);
    std::vector<pollfd> polled;
    while (true) {
        polled.clear();
        polled.push_back({parts.tap.fd(), POLLIN, 0});
        polled.push_back({parts.control_fd, POLLIN, 0});
        polled.push_back({parts.reactor.fd(), POLLIN, 0});
        const int timeout = sooner(parts.slirp.add_to_poll(polled), parts.reactor.timeout());
        if (parts.capture != nullptr) {
            parts.capture->flush();
        }
        if (::poll(polled.data(), polled.size(), timeout) < 0) {
            if (errno == EINTR) {
                continue;
            }
            throw_errno(errno, "wait for", "the tap");
        }
        parts.slirp.serve(polled);
        if (polled[reactor].revents != 0 || parts.reactor.timeout() == 0) {
            parts.reactor.dispatch();
        }
        const short from_tap = polled[tap].revents;
        if ((polled[control].revents != 0 && !parts.on_control()) ||
            (from_tap & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
            return;
        }
        if (((from_tap & POLLIN) != 0 && !drain(parts, buffer)) || parts.is_over()) {
            return;
        }
    }
}

} // namespace sandbox::net
