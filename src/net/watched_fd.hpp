// SPDX-License-Identifier: Apache-2.0
// A descriptor that the reactor watches for as long as it is owned.
#pragma once

#include <cstdint>
#include <utility>

#include "base/unique_fd.hpp"
#include "net/reactor.hpp"

namespace sandbox::net {

class WatchedFd {
  public:
    /// Throws SystemError. The reactor must outlive it.
    WatchedFd(Reactor& reactor, UniqueFd fd, std::uint32_t events, Reactor::Handler handler)
        : reactor_(reactor), fd_(std::move(fd)) {
        reactor_.add(fd_.get(), events, std::move(handler));
    }
    WatchedFd(WatchedFd&& other) noexcept = default;
    WatchedFd& operator=(WatchedFd&&) = delete;
    ~WatchedFd() {
        if (fd_.valid()) {
            reactor_.remove(fd_.get());
        }
    }

    [[nodiscard]] int get() const noexcept { return fd_.get(); }

  private:
    Reactor& reactor_;
    UniqueFd fd_;
};

} // namespace sandbox::net
