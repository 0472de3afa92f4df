// SPDX-License-Identifier: Apache-2.0
// The flows that pass the tap as frames, counted for the log and remembered for the policy: what was once
// allowed stays so until it ends, whatever becomes of the DNS answer that allowed it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "net/flow_log.hpp"
#include "net/idle_table.hpp"
#include "net/packet.hpp"
#include "net/policy.hpp"
#include "net/reactor.hpp"

namespace sandbox::net {

/// What names a flow. The port of an echo's inner end is its identifier.
struct FlowKey {
    Protocol protocol{};
    Endpoint inside;
    Endpoint outside;

    friend bool operator==(const FlowKey&, const FlowKey&) = default;
};

struct FlowKeyHash {
    std::size_t operator()(const FlowKey& key) const noexcept;
};

/// @param outbound whether the packet comes from inside
FlowKey flow_of(const Packet& packet, bool outbound) noexcept;

/// The flow that an ICMP or ICMPv6 error to the inside is about, by the header it quotes.
std::optional<FlowKey> flow_of_error(const Packet& message) noexcept;

/// Bounded: a guest can make a million flows, then the one quiet for longest is logged and forgotten.
class FlowTable {
  public:
    /// Counts nothing unless the log is wanted or the policy has an allow-list. All must outlive it.
    FlowTable(Reactor& reactor, const Policy& policy, FlowLog& log);

    [[nodiscard]] bool is_open(const FlowKey& key) const { return table_of(key).find(key) != nullptr; }

    /// Counts an allowed packet from inside, and opens its flow where there is none.
    void from_inside(const Packet& packet);
    /// Counts a packet to the inside; one of no known flow is none of the table's business.
    void to_inside(const Packet& packet);
    /// Counts the payload of a datagram of a flow that a peer outside began, at a published port.
    void count_published(const FlowKey& key, std::size_t sent, std::size_t received);
    /// Logs what the policy refused, once for all packets of a flow.
    void deny(const Packet& packet);

    /// Logs all that is open, as ended now.
    void close_all();

    [[nodiscard]] std::size_t size() const noexcept { return tcp_.size() + udp_.size() + echo_.size(); }

  private:
    /// One direction.
    struct Side {
        std::uint64_t bytes = 0;
        std::optional<std::uint32_t> next_sequence; ///< TCP
        bool has_ended = false;                     ///< TCP: FIN
    };
    struct Flow {
        std::string name;
        bool published = false;
        bool answered = false;
        bool refused = false; ///< by an ICMP error
        Side sent;
        Side received;
        std::chrono::system_clock::time_point start;
        Clock::time_point begin;
        Clock::time_point last_packet;
    };
    struct Denied {};
    using Table = IdleTable<FlowKey, Flow, FlowKeyHash>;

    [[nodiscard]] const Table& table_of(const FlowKey& key) const noexcept;
    Table& table_of(const FlowKey& key) noexcept;
    Flow& open(const FlowKey& key, bool published);
    void count_segment(const FlowKey& key, Flow& flow, Side& side, const Packet& segment);
    void end(const FlowKey& key, Flow& flow);
    void refuse(const FlowKey& key);
    void log(const FlowKey& key, const Flow& flow);

    const Policy& policy_;
    FlowLog& log_;
    bool is_enabled_;
    Table tcp_;
    Table udp_;
    Table echo_;
    IdleTable<FlowKey, Denied, FlowKeyHash> denied_;
};

} // namespace sandbox::net
