// SPDX-License-Identifier: Apache-2.0
// From the SYN on the tap to the pair of sockets in the table.
#include "net/engine_splice.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "net/addresses.hpp"
#include "net/connect_error.hpp"

namespace sandbox::net {

namespace {

using namespace std::chrono_literals;

/// A SYN that has gone in is accepted within microseconds. The inside sends it again after one second, as it
/// may have been lost where very many come at once; after three the connection is none of ours.
constexpr auto injection_patience = 3s;
constexpr unsigned max_injections = 4;
/// So that other descriptors get their turn.
constexpr int accepts_per_event = 256;
/// How long to leave the listener alone where descriptors have run out, so that it does not wake us for
/// nothing.
constexpr auto accept_pause = 100ms;
constexpr std::uint16_t dns_port = 53;

bool is_same_syn(const Frame& stored, const Packet& syn) {
    const auto packet = parse_packet(stored);
    return packet && std::ranges::equal(packet->transport.subspan(4, 4), syn.transport.subspan(4, 4));
}

bool is_nameserver(const Endpoint& destination) {
    return destination.port == dns_port &&
           destination.address ==
               (destination.address.is_ipv6() ? IpAddress{ipv6_nameserver} : IpAddress{ipv4_nameserver});
}

UniqueFd open_socket(const IpAddress& address) noexcept {
    UniqueFd socket{
        ::socket(address.is_ipv6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (socket.valid()) {
        // What is forwarded has waited once already, inside.
        const int on = 1;
        (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return socket;
}

} // namespace

std::size_t SpliceEngine::KeyHash::operator()(const Key& key) const noexcept {
    const std::hash<Endpoint> hash;
    return hash(key.inside) * 31 + hash(key.outside);
}

SpliceEngine::SpliceEngine(Reactor& reactor, const Tap& tap, FlowLog& log, const Policy& policy,
                           SpliceTable& table, ConfiguratorResult& sockets, DnsServer dns)
    : reactor_(reactor),
      tap_(tap),
      log_(log),
      policy_(policy),
      table_(table),
      ipv4_(std::move(sockets.ipv4)),
      ipv6_(std::move(sockets.ipv6)),
      dns_(std::move(dns)) {
    for (SpliceSockets* family : {&ipv4_, &ipv6_}) {
        if (family->valid()) {
            watch(family->listener);
        }
    }
}

SpliceEngine::~SpliceEngine() {
    reactor_.cancel(sweep_timer_);
    while (!pending_.empty()) {
        abandon(Key{pending_.begin()->first});
    }
    for (const SpliceSockets* family : {&ipv4_, &ipv6_}) {
        if (family->valid()) {
            reactor_.remove(family->listener.get());
        }
    }
}

bool SpliceEngine::input(const Packet& segment) {
    if (!(segment.source.address.is_ipv6() ? ipv6_ : ipv4_).valid()) {
        return false;
    }
    if (segment.is_syn()) {
        open(segment);
    } else if ((segment.tcp_flags & tcp_rst) == 0) {
        ++strays_;
        tap_.write(make_reset(segment));
    }
    return true;
}

// ---- outside ---------------------------------------------------------------------------------------------

void SpliceEngine::open(const Packet& syn) {
    const Key key{syn.source, syn.destination};
    if (const auto known = pending_.find(key); known != pending_.end()) {
        if (is_same_syn(known->second.syn, syn)) {
            // Sent again. While we connect, so does the kernel outside.
            if (known->second.is_injected && known->second.injections < max_injections) {
                inject(*known);
            }
            return;
        }
        abandon(key); // the port serves a new connection: the inside has given the old one up
    }
    if (table_.size() + pending_.size() >= table_.capacity()) {
        tap_.write(make_reset(syn));
        return;
    }
    Pending pending;
    pending.syn.assign(syn.frame.begin(), syn.frame.end());
    pending.start = std::chrono::system_clock::now();
    pending.since = Clock::now();
    PendingNode& node = *pending_.emplace(key, std::move(pending)).first;
    if (is_nameserver(key.outside)) {
        inject(node);
    } else {
        start_connecting(node);
    }
}

void SpliceEngine::start_connecting(PendingNode& node) {
    const Endpoint target = policy_.outside(node.first.outside);
    Pending& pending = node.second;
    pending.outer = open_socket(target.address);
    if (!pending.outer.valid()) {
        fail(node, errno);
        return;
    }
    const SocketAddress name{target};
    if (::connect(pending.outer.get(), name.get(), name.size) == 0) {
        inject(node); // on this machine it takes no time
        return;
    }
    if (errno != EINPROGRESS) {
        fail(node, errno);
        return;
    }
    reactor_.add(pending.outer.get(), SpliceTable::events,
                 [this, &node](std::uint32_t events) { on_outer(node, events); });
    pending.is_watched = true;
}

void SpliceEngine::on_outer(PendingNode& node, std::uint32_t events) {
    Pending& pending = node.second;
    pending.outer_events |= events; // looked at when the inside is there
    if (pending.is_injected || (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) {
        return;
    }
    int code = 0;
    if ((events & EPOLLERR) != 0) {
        socklen_t size = sizeof code;
        (void)::getsockopt(pending.outer.get(), SOL_SOCKET, SO_ERROR, &code, &size);
    }
    if (code != 0) {
        fail(node, code);
    } else {
        inject(node);
    }
}

void SpliceEngine::fail(PendingNode& node, int code) {
    answer(node.second, code);
    if (log_.is_wanted()) {
        FlowRecord record = record_of(node);
        record.verdict = FlowRecord::Verdict::failed;
        record.duration = Clock::now() - node.second.since;
        log_.add(record);
    }
    abandon(Key{node.first});
}

/// So that connect(2) inside fails with the errno that it failed with outside.
void SpliceEngine::answer(const Pending& pending, int code) const {
    const auto syn = parse_packet(pending.syn);
    const ConnectAnswer chosen = answer_to(code);
    if (chosen.reset) {
        tap_.write(make_reset(*syn));
    } else if (chosen.unreachable) {
        tap_.write(make_unreachable(*syn, *chosen.unreachable));
    }
}

// ---- inside ----------------------------------------------------------------------------------------------

void SpliceEngine::inject(PendingNode& node) {
    Pending& pending = node.second;
    const auto syn = parse_packet(pending.syn);
    const bool ipv6 = node.first.outside.address.is_ipv6();
    const SocketAddress destination{{node.first.outside.address, 0}}; // raw(7): the port must be 0
    // Where it fails, for want of memory, the inside will send it again.
    (void)::sendto((ipv6 ? ipv6_ : ipv4_).raw.get(), syn->ip.data(), syn->ip.size(), MSG_DONTWAIT,
                   destination.get(), destination.size);
    if (!pending.is_injected) {
        pending.is_injected = true;
        pending.deadline = Clock::now() + injection_patience;
    }
    ++pending.injections;
    arm_sweep();
}

void SpliceEngine::abandon(const Key& key) {
    const auto found = pending_.find(key);
    Pending& pending = found->second;
    if (pending.outer.valid()) {
        if (pending.is_watched) {
            reactor_.forget(pending.outer.get());
        }
        reset_on_close(pending.outer.get());
    }
    pending_.erase(found);
}

void SpliceEngine::watch(UniqueFd& listener) {
    reactor_.add(listener.get(), EPOLLIN, [this, &listener](std::uint32_t) { accept_all(listener); });
}

void SpliceEngine::accept_all(const UniqueFd& listener) {
    for (int count = 0; count < accepts_per_event && accept_one(listener); ++count) {
    }
}

/// @return whether to go on
bool SpliceEngine::accept_one(const UniqueFd& listener) {
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    UniqueFd inner{::accept4(listener.get(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!inner.valid()) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            reactor_.modify(listener.get(), 0);
            (void)reactor_.at(Clock::now() + accept_pause,
                              [this, fd = listener.get()] { reactor_.modify(fd, EPOLLIN); });
            return false;
        }
        return errno == ECONNABORTED;
    }
    SocketAddress dialled;
    dialled.size = sizeof dialled.storage;
    // The listener is transparent: its connections carry the address that was meant. The kernel's
    // networking/tproxy.
    if (::getsockname(inner.get(), dialled.get(), &dialled.size) == 0) {
        take(std::move(inner), {peer.endpoint(), dialled.endpoint()});
    }
    return true;
}

void SpliceEngine::take(UniqueFd inner, const Key& key) {
    const auto found = pending_.find(key);
    if (found == pending_.end() || !found->second.is_injected) {
        reset_on_close(inner.get()); // given up in the meantime, or not by way of the tap
        return;
    }
    if (!found->second.outer.valid()) {
        pending_.erase(found);
        dns_(std::move(inner));
        return;
    }
    Pending& pending = found->second;
    SplicePair pair{std::move(inner), std::move(pending.outer), pending.is_watched, pending.outer_events,
                    record_of(*found)};
    pending_.erase(found);
    table_.add(std::move(pair));
}

FlowRecord SpliceEngine::record_of(const PendingNode& node) const {
    FlowRecord record;
    record.protocol = Protocol::tcp;
    record.source = node.first.inside;
    record.destination = node.first.outside;
    record.start = node.second.start;
    if (log_.is_wanted()) {
        record.name = policy_.name_of(node.first.outside.address);
    }
    return record;
}

void SpliceEngine::arm_sweep() {
    if (!is_sweep_armed_) {
        is_sweep_armed_ = true;
        sweep_timer_ = reactor_.at(Clock::now() + injection_patience, [this] { sweep(); });
    }
}

/// Connections whose SYN went in and never came out of the listener: of a socket bound to the tap, or closed
/// in the meantime, or the rules are gone.
void SpliceEngine::sweep() {
    is_sweep_armed_ = false;
    const Clock::time_point now = Clock::now();
    std::vector<Key> late;
    bool has_injected = false;
    for (const auto& [key, pending] : pending_) {
        if (pending.is_injected && pending.deadline <= now) {
            late.push_back(key);
        } else {
            has_injected = has_injected || pending.is_injected;
        }
    }
    for (const Key& key : late) {
        ++strays_;
        answer(pending_.at(key), ECONNREFUSED);
        abandon(key);
    }
    if (has_injected) {
        arm_sweep();
    }
}

} // namespace sandbox::net
