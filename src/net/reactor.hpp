// SPDX-License-Identifier: Apache-2.0
// Descriptors and timers of everything that is not libslirp's, behind one epoll descriptor: a source that is
// quiet costs nothing, however many there are.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"

namespace sandbox::net {

using Clock = std::chrono::steady_clock;

/// Calls back when a descriptor is ready or a time has come. One thread; callbacks may add, change and remove
/// anything, themselves included.
class Reactor {
  public:
    /// @param events EPOLLIN and so on, as epoll_wait(2) reported them
    using Handler = std::function<void(std::uint32_t events)>;
    using Timer = std::pair<Clock::time_point, std::uint64_t>; ///< names one timer

    Reactor();

    /// Watches `fd`, which stays the caller's and must be removed before it is closed. One handler a
    /// descriptor. Throws SystemError.
    void add(int fd, std::uint32_t events, Handler handler);
    void modify(int fd, std::uint32_t events);
    /// Another handler for a watched descriptor: no call to the kernel, and no event is lost.
    void replace(int fd, Handler handler);
    /// As remove(), for a descriptor that the caller closes at once, and has no copy of: closing it is what
    /// tells the kernel. epoll(7), "Will closing a file descriptor ...".
    void forget(int fd) noexcept { sources_.erase(fd); }
    void remove(int fd) noexcept; ///< events already reported for it are not delivered any more

    /// Calls once, at `when` or soon after.
    Timer at(Clock::time_point when, std::function<void()> handler);
    void cancel(const Timer& timer) noexcept; ///< one that has been called is no error

    /// The descriptor that is readable when a source is ready.
    [[nodiscard]] int fd() const noexcept { return epoll_.get(); }
    /// Until the next timer, in milliseconds as poll(2) takes them; -1 where there is none.
    [[nodiscard]] int timeout() const;
    /// Serves, without sleeping, what is ready and what is due.
    void dispatch();

  private:
    struct Source {
        std::uint64_t id = 0; ///< so that an event for a closed descriptor's number does not reach its heir
        std::shared_ptr<Handler> handler;
    };

    UniqueFd epoll_;
    std::unordered_map<int, Source> sources_;
    std::map<Timer, std::function<void()>> timers_;
    std::uint64_t next_id_ = 0;
};

} // namespace sandbox::net
