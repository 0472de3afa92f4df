// SPDX-License-Identifier: Apache-2.0
// Edge-triggered: an event says that something has changed since the last EAGAIN, and each stream remembers
// what.
#include "net/splice_table.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace sandbox::net {

namespace {

using namespace std::chrono_literals;

/// For pipes, datagrams, DNS, and what the C library may open.
constexpr std::size_t reserved_descriptors = 2 * PipePool::max_pipes + 256;

std::size_t pairs_for(std::size_t descriptors) noexcept {
    return descriptors > 2 * reserved_descriptors ? (descriptors - reserved_descriptors) / 2
                                                  : descriptors / 4;
}

constexpr auto keepalive_check = 5s;
constexpr auto settled_age = 2s;
constexpr auto half_closed_probe = 60s;

/// The interval between probes is not to be had from inside.
void probe_when_idle(int socket, std::chrono::seconds idle) noexcept {
    constexpr int longest = 32767; // MAX_TCP_KEEPIDLE
    constexpr int usual_interval = 75;
    const int on = 1;
    const int seconds = static_cast<int>(std::clamp<std::int64_t>(idle.count(), 1, longest));
    const int interval = std::min(seconds, usual_interval);
    (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

} // namespace

void reset_on_close(int socket) noexcept {
    const linger abort{1, 0};
    (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

const std::uint32_t SpliceTable::events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

struct SpliceTable::Flow {
    Flow(SplicePair made, PipePool& pool)
        : pair(std::move(made)),
          outward(pair.inner.get(), pair.outer.get(), pool),
          inward(pair.outer.get(), pair.inner.get(), pool) {}

    SplicePair pair;
    SplicedStream outward;
    SplicedStream inward;
    Clock::time_point start = Clock::now();
    bool waits_for_turn = false;
    bool is_keepalive_known = false;
    bool is_half_closed = false;
    bool is_probed = false;
};

SpliceTable::SpliceTable(Reactor& reactor, FlowLog& log, const KeepaliveLookup& inside,
                         std::size_t descriptors)
    : reactor_(reactor), log_(log), inside_(inside), capacity_(pairs_for(descriptors)) {}

SpliceTable::~SpliceTable() {
    reactor_.cancel(turn_timer_);
    reactor_.cancel(keepalive_timer_);
    while (!flows_.empty()) {
        // Where all is with the kernel it delivers it without us; what is under way here it does not.
        Flow& flow = *flows_.begin()->second;
        finish(flow, !flow.outward.has_passed_end_on());
    }
}

std::uint64_t SpliceTable::passed() const noexcept {
    std::uint64_t bytes = 0;
    for (const auto& entry : flows_) {
        bytes += entry.second->outward.passed() + entry.second->inward.passed();
    }
    return bytes;
}

std::size_t SpliceTable::unfinished() const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(
        flows_, [](const auto& entry) { return !entry.second->outward.has_passed_end_on(); }));
}

void SpliceTable::add(SplicePair pair) {
    auto owned = std::make_unique<Flow>(std::move(pair), pool_);
    Flow& flow = *owned;
    flows_.emplace(&flow, std::move(owned));
    arm_keepalive_check();
    const auto handler_of = [this, &flow](bool is_inner) -> Reactor::Handler {
        if (is_inner) {
            return [this, &flow](std::uint32_t news) { on_event(flow, true, news); };
        }
        return [this, &flow](std::uint32_t news) { on_event(flow, false, news); };
    };
    reactor_.add(flow.pair.inner.get(), events, handler_of(true)); // reports at once what is there already
    if (!flow.pair.outer_is_watched) {
        reactor_.add(flow.pair.outer.get(), events, handler_of(false));
        return;
    }
    reactor_.replace(flow.pair.outer.get(), handler_of(false));
    if (flow.pair.outer_events != 0) {
        on_event(flow, false, flow.pair.outer_events);
    }
}

void SpliceTable::on_event(Flow& flow, bool is_inner, std::uint32_t news) {
    (is_inner ? flow.outward : flow.inward).on_source(news);
    (is_inner ? flow.inward : flow.outward).on_target(news);
    advance(flow, (news & EPOLLERR) != 0);
}

void SpliceTable::advance(Flow& flow, bool is_dead) {
    const auto outward = flow.outward.advance();
    const auto inward = flow.inward.advance();
    using State = SplicedStream::State;
    if (is_dead || outward == State::broken || inward == State::broken) {
        finish(flow, true);
        return;
    }
    if (outward == State::ended && inward == State::ended) {
        finish(flow, false);
        return;
    }
    flow.outward.pass_end_on();
    flow.inward.pass_end_on();
    if (!flow.is_half_closed && (flow.outward.has_passed_end_on() || flow.inward.has_passed_end_on())) {
        flow.is_half_closed = true;
        arm_keepalive_check();
    }
    if ((outward == State::busy || inward == State::busy) && !flow.waits_for_turn) {
        flow.waits_for_turn = true;
        if (waiting_for_turn_.empty()) {
            turn_timer_ = reactor_.at(Clock::now(), [this] { give_turns(); });
        }
        waiting_for_turn_.push_back(&flow);
    }
}

void SpliceTable::give_turns() {
    for (Flow* const flow : std::exchange(waiting_for_turn_, {})) {
        flow->waits_for_turn = false;
        advance(*flow, false); // ends no flow but this one
    }
}

void SpliceTable::arm_keepalive_check() {
    if (!is_keepalive_check_armed_) {
        is_keepalive_check_armed_ = true;
        keepalive_timer_ = reactor_.at(Clock::now() + keepalive_check, [this] { check_keepalive(); });
    }
}

/// Each connection once, when it has lived for a moment, and once more when half of it is closed: most never
/// do, and those that matter here set the option when they begin.
void SpliceTable::check_keepalive() {
    is_keepalive_check_armed_ = false;
    const Clock::time_point now = Clock::now();
    for (const auto& entry : flows_) {
        Flow& flow = *entry.second;
        // A side that has closed for good lets go of its half in silence, tcp_fin_timeout after its end: only
        // when asked does its kernel say that nobody is there. tcp(7)
        if (flow.is_half_closed && !std::exchange(flow.is_probed, true)) {
            probe_when_idle(flow.pair.inner.get(), half_closed_probe);
            probe_when_idle(flow.pair.outer.get(), half_closed_probe);
        }
        if (flow.is_keepalive_known) {
            continue;
        }
        const auto age = now - flow.start;
        if (age < settled_age) {
            arm_keepalive_check();
            continue;
        }
        flow.is_keepalive_known = true;
        const FlowRecord& record = flow.pair.record;
        if (const auto left = inside_.time_to_probe(record.source, record.destination)) {
            probe_when_idle(flow.pair.outer.get(), std::chrono::round<std::chrono::seconds>(*left + age));
        }
    }
}

void SpliceTable::finish(Flow& flow, bool reset) {
    if (flow.waits_for_turn) {
        std::erase(waiting_for_turn_, &flow);
    }
    for (const UniqueFd* socket : {&flow.pair.inner, &flow.pair.outer}) {
        reactor_.forget(socket->get());
        if (reset) {
            reset_on_close(socket->get());
        }
    }
    if (log_.is_wanted()) {
        FlowRecord& record = flow.pair.record;
        record.sent = flow.outward.passed();
        record.received = flow.inward.passed();
        record.duration = Clock::now() - flow.start;
        log_.add(record);
    }
    flows_.erase(&flow);
}

} // namespace sandbox::net
