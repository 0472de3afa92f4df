// SPDX-License-Identifier: Apache-2.0
// Every pair of spliced sockets: one inside the sandbox's network namespace, one outside.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.hpp"
#include "net/flow_log.hpp"
#include "net/keepalive_lookup.hpp"
#include "net/pipe_pool.hpp"
#include "net/reactor.hpp"
#include "net/spliced_stream.hpp"

namespace sandbox::net {

/// Makes the next close(2) of a TCP socket a reset instead of an end. socket(7), SO_LINGER.
void reset_on_close(int socket) noexcept;

/// Two connected, non-blocking TCP sockets that shall be one connection.
struct SplicePair {
    UniqueFd inner;
    UniqueFd outer;
    /// The outer one is in the reactor already, with SpliceTable::events; its handler is replaced.
    bool outer_is_watched = false;
    std::uint32_t outer_events = 0; ///< those that its handler has been told so far, and not acted upon
    FlowRecord record;              ///< without bytes, duration and verdict
};

/// Serves pairs to their ends: half-closes, resets and urgent data pass in both directions, and each side
/// goes at the other's pace. A flow's end is a line in the log.
class SpliceTable {
  public:
    /// EPOLL* bits of a socket that is to be spliced.
    static const std::uint32_t events;

    /// All must outlive it.
    /// @param inside where keep-alive is found that the outer sockets shall have too
    /// @param descriptors how many this process may have open (RLIMIT_NOFILE)
    SpliceTable(Reactor& reactor, FlowLog& log, const KeepaliveLookup& inside, std::size_t descriptors);
    ~SpliceTable();
    SpliceTable(const SpliceTable&) = delete;
    SpliceTable& operator=(const SpliceTable&) = delete;

    void add(SplicePair pair);

    [[nodiscard]] std::size_t size() const noexcept { return flows_.size(); }
    /// Bytes that the open connections have passed on.
    [[nodiscard]] std::uint64_t passed() const noexcept;
    /// How many of them have more to send outwards, or have not heard the inside's end.
    [[nodiscard]] std::size_t unfinished() const noexcept;
    /// How many pairs there are descriptors for.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  private:
    struct Flow;

    void on_event(Flow& flow, bool is_inner, std::uint32_t news);
    void advance(Flow& flow, bool is_dead);
    void finish(Flow& flow, bool reset);
    void give_turns();
    void arm_keepalive_check();
    void check_keepalive();

    Reactor& reactor_;
    FlowLog& log_;
    const KeepaliveLookup& inside_;
    PipePool pool_;
    std::size_t capacity_;
    std::unordered_map<const Flow*, std::unique_ptr<Flow>> flows_;
    std::vector<Flow*> waiting_for_turn_;
    Reactor::Timer turn_timer_;
    Reactor::Timer keepalive_timer_;
    bool is_keepalive_check_armed_ = false;
};

} // namespace sandbox::net
