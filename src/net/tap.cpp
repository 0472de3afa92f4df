// SPDX-License-Identifier: Apache-2.0
// Reads and writes on the tap, and the errors that mean its end.
#include "net/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace sandbox::net {

namespace {

void make_non_blocking(int device) {
    const int flags = check(::fcntl(device, F_GETFL), "read the flags of", "--tap-fd");
    check(::fcntl(device, F_SETFL, flags | O_NONBLOCK), "make non-blocking", "--tap-fd");
}

} // namespace

Tap::Tap(UniqueFd device) : device_(std::move(device)) {
    ifreq request{};
    if (::ioctl(device_.get(), TUNGETIFF, &request) < 0) {
        throw_errno(errno, "ask for the interface of", "--tap-fd");
    }
    constexpr int kind = IFF_TUN | IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if ((request.ifr_flags & kind) != (IFF_TAP | IFF_NO_PI)) {
        throw UsageError("--tap-fd", "not a tap device made with IFF_TAP | IFF_NO_PI alone");
    }
    ifreq hardware{};
    check(::ioctl(device_.get(), SIOCGIFHWADDR, &hardware), "ask for the address of", "--tap-fd");
    std::memcpy(guest_.data(), hardware.ifr_hwaddr.sa_data, guest_.size());
    make_non_blocking(device_.get());
}

Tap::Tap(UniqueFd channel, const MacAddress& guest) : device_(std::move(channel)), guest_(guest) {
    make_non_blocking(device_.get());
}

Tap::Read Tap::read(std::span<std::byte> buffer, std::span<const std::byte>& frame) const noexcept {
    while (true) {
        const ssize_t got = ::read(device_.get(), buffer.data(), buffer.size());
        if (got >= 0) {
            frame = buffer.first(static_cast<std::size_t>(got));
            if (capture_ != nullptr) {
                capture_->add(frame);
            }
            return Read::frame;
        }
        if (errno == EINTR) {
            continue;
        }
        // EBADFD: detached from its interface; EFAULT or EIO: the interface is being taken away.
        // drivers/net/tun.c, tun_chr_read_iter() and tun_ring_recv().
        return errno == EAGAIN ? Read::empty : Read::gone;
    }
}

void Tap::write(std::span<const std::byte> frame) const noexcept {
    if (capture_ != nullptr) {
        capture_->add(frame);
    }
    ssize_t put = 0;
    do {
        put = ::write(device_.get(), frame.data(), frame.size());
    } while (put < 0 && errno == EINTR);
    // Any other failure loses the frame. EIO says that the interface is down, and root inside may bring it up
    // again; its end is seen by the next poll. drivers/net/tun.c, tun_get_user().
}

} // namespace sandbox::net
