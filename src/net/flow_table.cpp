// SPDX-License-Identifier: Apache-2.0
// What the headers of passing packets say about their flows.
#include "net/flow_table.hpp"

#include <algorithm>
#include <utility>

#include "net/bytes.hpp"

namespace sandbox::net {

namespace {

using namespace std::chrono_literals;

/// What libslirp keeps a silent UDP flow for: SO_EXPIRE in its socket.h.
constexpr auto udp_lifetime = 240s;
/// As long as EchoRelay waits for an answer.
constexpr auto echo_lifetime = 10s;
/// A refused flow sends a retransmission or two, not more.
constexpr auto denied_lifetime = 30s;
constexpr std::size_t most_flows = 16384; ///< of each protocol
constexpr std::size_t most_denied = 1024;

bool is_echo(Protocol protocol) noexcept {
    return protocol == Protocol::icmp || protocol == Protocol::icmpv6;
}

/// Destination unreachable, time exceeded, parameter problem, and ICMPv6's "packet too big". RFC 792; RFC
/// 4443, 3.
bool is_error(const Packet& message) noexcept {
    const unsigned type = byte_at(message.transport, 0);
    return message.protocol == Protocol::icmp
               ? type == 3 || type == 11 || type == 12
               : message.protocol == Protocol::icmpv6 && type >= 1 && type <= 4;
}

} // namespace

std::size_t FlowKeyHash::operator()(const FlowKey& key) const noexcept {
    const std::hash<Endpoint> hash;
    // An odd factor, so that the two ends do not cancel each other out where they are alike.
    return hash(key.inside) * 0x9e3779b97f4a7c15 + hash(key.outside) + static_cast<std::size_t>(key.protocol);
}

FlowKey flow_of(const Packet& packet, bool outbound) noexcept {
    FlowKey key{packet.protocol, packet.source, packet.destination};
    if (!outbound) {
        std::swap(key.inside, key.outside);
    }
    if (is_echo(packet.protocol)) {
        key.inside.port = static_cast<std::uint16_t>(word_at(packet.transport, 4));
    }
    return key;
}

std::optional<FlowKey> flow_of_error(const Packet& message) noexcept {
    const Bytes quoted = message.payload;
    const bool is_ipv6 = message.protocol == Protocol::icmpv6;
    const std::size_t least = is_ipv6 ? 40 : 20;
    if (!is_error(message) || quoted.size() < least) {
        return std::nullopt;
    }
    const std::size_t header = is_ipv6 ? least : std::size_t{byte_at(quoted, 0) & 0xf} * 4;
    constexpr std::size_t ports_or_identifier = 6;
    if (header < least || quoted.size() < header + ports_or_identifier) {
        return std::nullopt;
    }
    FlowKey key;
    const Bytes transport = quoted.subspan(header);
    if (is_ipv6) {
        key.protocol = Protocol{static_cast<std::uint8_t>(byte_at(quoted, 6))};
        key.inside.address = IpAddress{address_at<std::array<std::uint8_t, 16>>(quoted, 8)};
        key.outside.address = IpAddress{address_at<std::array<std::uint8_t, 16>>(quoted, 24)};
    } else {
        key.protocol = Protocol{static_cast<std::uint8_t>(byte_at(quoted, 9))};
        key.inside.address = IpAddress{address_at<std::array<std::uint8_t, 4>>(quoted, 12)};
        key.outside.address = IpAddress{address_at<std::array<std::uint8_t, 4>>(quoted, 16)};
    }
    if (is_echo(key.protocol)) {
        key.inside.port = static_cast<std::uint16_t>(word_at(transport, 4));
    } else {
        key.inside.port = static_cast<std::uint16_t>(word_at(transport, 0));
        key.outside.port = static_cast<std::uint16_t>(word_at(transport, 2));
    }
    return key;
}

FlowTable::FlowTable(Reactor& reactor, const Policy& policy, FlowLog& log)
    : policy_(policy),
      log_(log),
      is_enabled_(log.is_wanted() || policy.is_restricted()),
      // A connection may be silent for days: FIN or RST ends it, or its being the oldest of too many.
      tcp_(reactor, most_flows, std::nullopt,
           [this](const FlowKey& key, Flow& flow) { this->log(key, flow); }),
      udp_(reactor, most_flows, udp_lifetime,
           [this](const FlowKey& key, Flow& flow) { this->log(key, flow); }),
      echo_(reactor, most_flows, echo_lifetime,
            [this](const FlowKey& key, Flow& flow) { this->log(key, flow); }),
      denied_(reactor, most_denied, denied_lifetime) {}

const FlowTable::Table& FlowTable::table_of(const FlowKey& key) const noexcept {
    return key.protocol == Protocol::tcp ? tcp_ : key.protocol == Protocol::udp ? udp_ : echo_;
}

FlowTable::Table& FlowTable::table_of(const FlowKey& key) noexcept {
    return const_cast<Table&>(std::as_const(*this).table_of(key));
}

FlowTable::Flow& FlowTable::open(const FlowKey& key, bool published) {
    Flow flow;
    flow.published = published;
    if (log_.is_wanted()) {
        flow.name = policy_.name_of(key.outside.address);
    }
    flow.start = std::chrono::system_clock::now();
    flow.begin = flow.last_packet = Clock::now();
    return table_of(key).add(key, std::move(flow));
}

void FlowTable::from_inside(const Packet& packet) {
    if (!is_enabled_) {
        return;
    }
    const FlowKey key = flow_of(packet, true);
    Flow* flow = table_of(key).touch(key);
    if (flow != nullptr && packet.is_syn() && flow->answered) {
        end(key, *flow); // the same ports once more
        flow = nullptr;
    }
    if (flow == nullptr) {
        if (packet.protocol == Protocol::tcp && !packet.is_syn()) {
            return;
        }
        flow = &open(key, false);
    }
    flow->last_packet = Clock::now();
    if (packet.protocol == Protocol::tcp) {
        count_segment(key, *flow, flow->sent, packet);
    } else {
        flow->sent.bytes += packet.payload.size();
    }
}

void FlowTable::to_inside(const Packet& packet) {
    if (!is_enabled_) {
        return;
    }
    if (is_echo(packet.protocol)) {
        if (const auto key = flow_of_error(packet)) {
            refuse(*key);
            return;
        }
    }
    const FlowKey key = flow_of(packet, false);
    Flow* const flow = table_of(key).touch(key);
    if (flow == nullptr) {
        return;
    }
    flow->last_packet = Clock::now();
    flow->answered = flow->answered || (packet.tcp_flags & tcp_rst) == 0;
    if (packet.protocol == Protocol::tcp) {
        count_segment(key, *flow, flow->received, packet);
    } else {
        flow->received.bytes += packet.payload.size();
    }
}

/// By sequence numbers, so that what is sent again is not counted again. May end the flow.
void FlowTable::count_segment(const FlowKey& key, Flow& flow, Side& side, const Packet& segment) {
    const std::uint32_t begin = long_at(segment.transport, 4) + ((segment.tcp_flags & tcp_syn) != 0 ? 1 : 0);
    const auto length = static_cast<std::uint32_t>(segment.payload.size());
    if ((segment.tcp_flags & tcp_rst) != 0) {
        end(key, flow);
        return;
    }
    const std::uint32_t end_of_data = begin + length;
    const std::uint32_t next = side.next_sequence.value_or(begin);
    const auto fresh = static_cast<std::int32_t>(end_of_data - next);
    side.next_sequence = fresh > 0 ? end_of_data : next;
    if (fresh > 0) {
        side.bytes += std::min(static_cast<std::uint32_t>(fresh), length); // a FIN's number carries nothing
    }
    side.has_ended = side.has_ended || (segment.tcp_flags & tcp_fin) != 0;
    if (flow.sent.has_ended && flow.received.has_ended) {
        end(key, flow);
    }
}

void FlowTable::count_published(const FlowKey& key, std::size_t sent, std::size_t received) {
    if (!is_enabled_) {
        return;
    }
    Flow* flow = udp_.touch(key);
    if (flow == nullptr) {
        flow = &open(key, true);
        flow->answered = true;
    }
    flow->last_packet = Clock::now();
    flow->sent.bytes += sent;
    flow->received.bytes += received;
}

void FlowTable::deny(const Packet& packet) {
    const FlowKey key = flow_of(packet, true);
    if (denied_.touch(key) != nullptr) {
        return;
    }
    denied_.add(key, {});
    FlowRecord record;
    record.protocol = packet.protocol;
    record.source = packet.source;
    record.destination = packet.destination;
    record.name = policy_.name_of(packet.destination.address);
    record.start = std::chrono::system_clock::now();
    record.verdict = FlowRecord::Verdict::denied;
    log_.add(record);
}

/// An ICMP error ends no flow: libslirp's socket lives on. One to an open connection is only advice. RFC
/// 5927, 4.2.
void FlowTable::refuse(const FlowKey& key) {
    Flow* const flow = table_of(key).touch(key);
    if (flow == nullptr) {
        return;
    }
    flow->refused = true;
    flow->last_packet = Clock::now();
    if (key.protocol == Protocol::tcp && !flow->answered) {
        end(key, *flow);
    }
}

void FlowTable::end(const FlowKey& key, Flow& flow) {
    log(key, flow);
    table_of(key).remove(key);
}

void FlowTable::log(const FlowKey& key, const Flow& flow) {
    if (!log_.is_wanted()) {
        return;
    }
    const bool has_failed = !flow.answered && (flow.refused || key.protocol != Protocol::udp);
    FlowRecord record;
    record.protocol = key.protocol;
    record.source = key.inside;
    record.destination = key.outside;
    if (is_echo(key.protocol)) {
        record.source.port = 0;
    }
    record.name = flow.name;
    record.published = flow.published;
    record.sent = flow.sent.bytes;
    record.received = flow.received.bytes;
    record.start = flow.start;
    record.duration = flow.last_packet - flow.begin;
    record.verdict = has_failed ? FlowRecord::Verdict::failed : FlowRecord::Verdict::allowed;
    log_.add(record);
}

void FlowTable::close_all() {
    tcp_.clear();
    udp_.clear();
    echo_.clear();
}

} // namespace sandbox::net
