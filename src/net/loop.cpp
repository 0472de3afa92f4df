// SPDX-License-Identifier: Apache-2.0
// poll(2), not epoll(7): libslirp names all its descriptors anew before each sleep.
#include "net/loop.hpp"

#include <cerrno>
#include <vector>

#include "base/error.hpp"
#include "net/frame_filter.hpp"

namespace sandbox::net {

namespace {

/// Enough to make a wake-up cheap, few enough that the sockets get their turn.
constexpr int frames_per_wakeup = 64;

using FrameBuffer = std::vector<std::byte>;

/// @return false when the tap is gone
bool drain(const Tap& tap, SlirpEngine& engine, FrameBuffer& buffer, bool ipv6) {
    for (int count = 0; count < frames_per_wakeup; ++count) {
        std::span<const std::byte> frame;
        switch (tap.read(buffer, frame)) {
            case Tap::Read::gone:
                return false;
            case Tap::Read::empty:
                count = frames_per_wakeup;
                break;
            case Tap::Read::frame:
                if (judge_frame(frame, ipv6) == Verdict::pass) {
                    engine.input(frame);
                }
                break;
        }
    }
    engine.flush();
    return true;
}

} // namespace

void run_loop(const Tap& tap, SlirpEngine& engine, int report_fd, bool ipv6) {
    FrameBuffer buffer(max_frame);
    std::vector<pollfd> polled;
    while (true) {
        polled.clear();
        polled.push_back({tap.fd(), POLLIN, 0});
        polled.push_back({report_fd, 0, 0});
        const int timeout = engine.add_to_poll(polled);
        if (::poll(polled.data(), polled.size(), timeout) < 0) {
            if (errno == EINTR) {
                continue;
            }
            throw_errno(errno, "wait for", "the tap");
        }
        engine.serve(polled);
        const short from_tap = polled[0].revents;
        if (polled[1].revents != 0 || (from_tap & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
            return;
        }
        if ((from_tap & POLLIN) != 0 && !drain(tap, engine, buffer, ipv6)) {
            return;
        }
    }
}

} // namespace sandbox::net
