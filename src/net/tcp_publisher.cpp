// SPDX-License-Identifier: Apache-2.0
// From accept(2) outside to a connected pair.
#include "net/tcp_publisher.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "net/addresses.hpp"

namespace sandbox::net {

namespace {

using namespace std::chrono_literals;

constexpr int accepts_per_event = 256;
constexpr auto accept_pause = 100ms;

const IpPrefix& inside_ipv4() {
    static const IpPrefix prefix{IpAddress{ipv4_network}, 24};
    return prefix;
}

const IpPrefix& inside_ipv6() {
    static const IpPrefix prefix{IpAddress{ipv6_prefix}, ipv6_prefix_bits};
    return prefix;
}

IpAddress gateway_of(bool ipv6) {
    return ipv6 ? IpAddress{ipv6_gateway} : IpAddress{ipv4_gateway};
}

Endpoint service_at(bool ipv6, std::uint16_t port) {
    return {ipv6 ? IpAddress{ipv6_guest} : IpAddress{ipv4_guest}, port};
}

} // namespace

Endpoint visible_peer(const Endpoint& peer, bool service_ipv6) {
    const IpAddress& address = peer.address;
    const bool is_foreign = address.is_ipv6() == service_ipv6 && !address.is_loopback() &&
                            !address.is_link_local() && !address.is_unspecified() &&
                            !inside_ipv4().contains(address) && !inside_ipv6().contains(address);
    return is_foreign ? peer : Endpoint{gateway_of(service_ipv6), 0};
}

struct TcpPublisher::Pending {
    std::uint64_t id = 0;
    UniqueFd outer;
    UniqueFd inner;
    bool is_watched = false; ///< the inner one
    bool tries_ipv6 = false; ///< the family of the attempt under way
    bool is_second = false;  ///< attempt, by the other family
    Endpoint peer;
    std::uint16_t port = 0;
    Clock::time_point since = Clock::now();
    std::chrono::system_clock::time_point start = std::chrono::system_clock::now();
};

TcpPublisher::TcpPublisher(Reactor& reactor, FlowLog& log, SpliceTable& table, SocketAgent& agent,
                           const PublisherAbilities& abilities)
    : reactor_(reactor), log_(log), table_(table), agent_(agent), abilities_(abilities) {}

TcpPublisher::~TcpPublisher() {
    *alive_ = false;
    for (const auto& listener : listeners_) {
        reactor_.remove(listener->socket.get());
    }
    while (!pending_.empty()) {
        remove(*pending_.begin()->second);
    }
}

void TcpPublisher::add(PublishedListener listener) {
    listeners_.push_back(std::make_unique<PublishedListener>(std::move(listener)));
    const PublishedListener& added = *listeners_.back();
    reactor_.add(added.socket.get(), EPOLLIN, [this, &added](std::uint32_t) { accept_all(added); });
}

bool TcpPublisher::is_transparent(bool ipv6) const noexcept {
    return ipv6 ? abilities_.transparent_ipv6 : abilities_.transparent;
}

void TcpPublisher::accept_all(const PublishedListener& listener) {
    for (int count = 0; count < accepts_per_event && accept_one(listener); ++count) {
    }
}

/// @return whether to go on
bool TcpPublisher::accept_one(const PublishedListener& listener) {
    const bool is_full = table_.size() + pending_.size() >= table_.capacity();
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    UniqueFd outer{::accept4(listener.socket.get(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!outer.valid()) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            // Leave it alone for a moment, so that it does not wake us for nothing.
            reactor_.modify(listener.socket.get(), 0);
            (void)reactor_.at(Clock::now() + accept_pause,
                              [this, alive = alive_, fd = listener.socket.get()] {
                                  if (*alive) {
                                      reactor_.modify(fd, EPOLLIN);
                                  }
                              });
            return false;
        }
        return errno == ECONNABORTED;
    }
    if (is_full) {
        reset_on_close(outer.get());
        return true;
    }
    const int on = 1;
    (void)::setsockopt(outer.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto pending = std::make_unique<Pending>();
    pending->id = next_id_++;
    pending->outer = std::move(outer);
    pending->peer = peer.endpoint();
    pending->port = listener.port;
    pending->tries_ipv6 = pending->peer.address.is_ipv6() && abilities_.ipv6;
    Pending& added = *pending;
    pending_.emplace(added.id, std::move(pending));
    request_socket(added);
    return true;
}

// ---- inside ----------------------------------------------------------------------------------------------

void TcpPublisher::request_socket(Pending& pending) {
    SocketAgent::Receiver receiver = [this, alive = alive_, id = pending.id](UniqueFd socket, int code) {
        if (*alive) {
            on_socket(id, std::move(socket), code);
        }
    };
    if (is_transparent(pending.tries_ipv6)) {
        agent_.request_transparent(visible_peer(pending.peer, pending.tries_ipv6), std::move(receiver));
    } else {
        agent_.request_plain(pending.tries_ipv6, std::move(receiver));
    }
}

void TcpPublisher::on_socket(std::uint64_t id, UniqueFd socket, int /*code*/) {
    const auto found = pending_.find(id);
    if (found == pending_.end()) {
        return;
    }
    Pending& pending = *found->second;
    pending.inner = std::move(socket);
    if (pending.inner.valid()) {
        connect(pending);
    } else {
        fail(pending);
    }
}

void TcpPublisher::connect(Pending& pending) {
    const SocketAddress name{service_at(pending.tries_ipv6, pending.port)};
    if (::connect(pending.inner.get(), name.get(), name.size) == 0) {
        on_connected(pending); // all of it happens on this machine: it takes no time
    } else if (errno == EINPROGRESS) {
        reactor_.add(pending.inner.get(), EPOLLOUT,
                     [this, &pending](std::uint32_t) { on_connecting(pending); });
        pending.is_watched = true;
    } else {
        fail(pending);
    }
}

void TcpPublisher::on_connecting(Pending& pending) {
    int code = 0;
    socklen_t size = sizeof code;
    (void)::getsockopt(pending.inner.get(), SOL_SOCKET, SO_ERROR, &code, &size);
    if (code == 0) {
        on_connected(pending);
    } else {
        fail(pending);
    }
}

void TcpPublisher::on_connected(Pending& pending) {
    if (pending.is_watched) {
        reactor_.remove(pending.inner.get());
    }
    SplicePair pair{std::move(pending.inner), std::move(pending.outer), false, 0, record_of(pending)};
    pending_.erase(pending.id);
    table_.add(std::move(pair));
}

/// One family failed: services may listen on the other alone.
void TcpPublisher::fail(Pending& pending) {
    if (pending.inner.valid() && pending.is_watched) {
        reactor_.remove(pending.inner.get());
    }
    pending.is_watched = false;
    pending.inner.reset();
    if (!pending.is_second && abilities_.ipv6) {
        pending.is_second = true;
        pending.tries_ipv6 = !pending.tries_ipv6;
        request_socket(pending);
        return;
    }
    if (log_.is_wanted()) {
        FlowRecord record = record_of(pending);
        record.verdict = FlowRecord::Verdict::failed;
        record.duration = Clock::now() - pending.since;
        log_.add(record);
    }
    remove(pending);
}

void TcpPublisher::remove(Pending& pending) {
    if (pending.is_watched) {
        reactor_.remove(pending.inner.get());
    }
    reset_on_close(pending.outer.get());
    pending_.erase(pending.id);
}

FlowRecord TcpPublisher::record_of(const Pending& pending) const {
    FlowRecord record;
    record.protocol = Protocol::tcp;
    record.source = service_at(pending.tries_ipv6, pending.port);
    record.destination = pending.peer;
    record.published = true;
    record.start = pending.start;
    return record;
}

} // namespace sandbox::net
