// SPDX-License-Identifier: Apache-2.0
// epoll(7), with timers in a sorted map.
#include "net/reactor.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace sandbox::net {

namespace {

/// What the kernel hands back: the number to find the source by, and as much of its id as fits.
std::uint64_t pack(int fd, std::uint64_t id) noexcept {
    return id << 32 | static_cast<std::uint32_t>(fd);
}

} // namespace

Reactor::Reactor() : epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "make", "an epoll descriptor")) {}

void Reactor::add(int fd, std::uint32_t events, Handler handler) {
    const std::uint64_t id = next_id_++;
    epoll_event event{};
    event.events = events;
    event.data.u64 = pack(fd, id);
    check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "watch", "a descriptor");
    sources_.insert_or_assign(fd, Source{id, std::make_shared<Handler>(std::move(handler))});
}

void Reactor::modify(int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = pack(fd, sources_.at(fd).id);
    check(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event), "watch", "a descriptor");
}

void Reactor::replace(int fd, Handler handler) {
    sources_.at(fd).handler = std::make_shared<Handler>(std::move(handler));
}

void Reactor::remove(int fd) noexcept {
    // The handler goes last: it may own the descriptor, or what removes others when it goes.
    if (const auto source = sources_.extract(fd)) {
        (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); // one that is closed is gone already
    }
}

Reactor::Timer Reactor::at(Clock::time_point when, std::function<void()> handler) {
    const Timer timer{when, next_id_++};
    timers_.emplace(timer, std::move(handler));
    return timer;
}

void Reactor::cancel(const Timer& timer) noexcept {
    (void)timers_.extract(timer); // its handler goes last, and may cancel others when it goes
}

int Reactor::timeout() const {
    if (timers_.empty()) {
        return -1;
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first - Clock::now());
    constexpr std::int64_t longest = 1 << 30;
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, longest));
}

void Reactor::dispatch() {
    std::array<epoll_event, 128> ready{};
    const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    for (int i = 0; i < count; ++i) {
        const auto& event = ready[static_cast<std::size_t>(i)];
        const auto fd = static_cast<int>(static_cast<std::uint32_t>(event.data.u64));
        const auto source = sources_.find(fd);
        if (source == sources_.end() || pack(fd, source->second.id) != event.data.u64) {
            continue; // removed by a handler before it
        }
        const std::shared_ptr<Handler> handler = source->second.handler; // it may remove itself
        (*handler)(event.events);
    }
    // Timers that handlers set meanwhile wait for the next call, however early their time: one that sets
    // itself anew must not keep the descriptors from their turn.
    const std::uint64_t next_new = next_id_;
    const Clock::time_point now = Clock::now();
    auto timer = timers_.begin();
    while (timer != timers_.end() && timer->first.first <= now) {
        if (timer->first.second >= next_new) {
            ++timer;
            continue;
        }
        const auto due = timers_.extract(timer);
        due.mapped()();
        timer = timers_.begin(); // the handler may have changed all of them
    }
}

} // namespace sandbox::net
