// SPDX-License-Identifier: Apache-2.0
// Engine 2: TCP that the kernel moves. A connection is two sockets, one inside the sandbox's network
// namespace and one outside, and splice(2) between them.
//
//   inside                           sandbox-net                                outside
//   connect() ──SYN──▶ tap ──▶ input()
//                                    connect() ───────────────────────────────▶
//                                    refused: RST, unreachable: ICMP ◀───────── or an error
//                                    connected: the same SYN, marked, ◀──────── connected
//            listener ◀── lo ──────  through the raw socket
//   connect() returns, accept() ──▶  the two sockets go to the SpliceTable
//
// So connect() inside ends as it would have ended outside, with the same errno. What makes the kernel of the
// inside play along is in splice_rules.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "net/configurator.hpp"
#include "net/flow_log.hpp"
#include "net/policy.hpp"
#include "net/reactor.hpp"
#include "net/splice_table.hpp"
#include "net/tap.hpp"
#include "net/tcp_engine.hpp"

namespace sandbox::net {

class SpliceEngine final : public TcpEngine {
  public:
    /// Who serves TCP to the nameserver's port 53: gets the accepted socket, non-blocking.
    using DnsServer = std::function<void(UniqueFd stream)>;

    /// Segments of a family without sockets are libslirp's. All references must outlive it.
    SpliceEngine(Reactor& reactor, const Tap& tap, FlowLog& log, const Policy& policy, SpliceTable& table,
                 ConfiguratorResult& sockets, DnsServer dns);
    ~SpliceEngine() override;

    bool input(const Packet& segment) override;

    /// Connections that the inside has asked for and does not have yet.
    [[nodiscard]] std::size_t pending() const noexcept { return pending_.size(); }

    /// Segments of connections that are not spliced, answered with a reset: those of sockets bound to the tap
    /// (SO_BINDTODEVICE), which no rule can turn away from it, of forwarded ones, and of ones older than the
    /// rules.
    [[nodiscard]] std::uint64_t strays() const noexcept { return strays_; }

  private:
    struct Key {
        Endpoint inside;
        Endpoint outside;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept;
    };
    /// A connection that the inside has asked for and does not have yet.
    struct Pending {
        UniqueFd outer; ///< none where the nameserver is meant
        bool is_watched = false;
        std::uint32_t outer_events = 0; ///< of the connected one, so far
        bool is_injected = false;       ///< its SYN has gone in
        unsigned injections = 0;        ///< times
        Frame syn;
        Clock::time_point deadline; ///< for it to be accepted, once injected
        std::chrono::system_clock::time_point start;
        Clock::time_point since;
    };
    using PendingMap = std::unordered_map<Key, Pending, KeyHash>;
    using PendingNode = PendingMap::value_type;

    void open(const Packet& syn);
    void start_connecting(PendingNode& node);
    void on_outer(PendingNode& node, std::uint32_t events);
    void fail(PendingNode& node, int code);
    void inject(PendingNode& node);
    void abandon(const Key& key);
    void answer(const Pending& pending, int code) const;

    void watch(UniqueFd& listener);
    void accept_all(const UniqueFd& listener);
    bool accept_one(const UniqueFd& listener);
    void take(UniqueFd inner, const Key& key);
    void sweep();
    void arm_sweep();
    [[nodiscard]] FlowRecord record_of(const PendingNode& node) const;

    Reactor& reactor_;
    const Tap& tap_;
    FlowLog& log_;
    const Policy& policy_;
    SpliceTable& table_;
    SpliceSockets ipv4_;
    SpliceSockets ipv6_;
    DnsServer dns_;
    PendingMap pending_;
    Reactor::Timer sweep_timer_;
    bool is_sweep_armed_ = false;
    std::uint64_t strays_ = 0;
};

} // namespace sandbox::net
