// SPDX-License-Identifier: Apache-2.0
// Real name servers on loopback sockets, with answers from the test, in the reactor of what is tested.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/ip_address.hpp"
#include "net/reactor.hpp"
#include "net_dns.hpp"

namespace sandbox::net {

/// Runs the reactor until it holds. @return whether it did in time
inline bool run_until(Reactor& reactor, const std::function<bool()>& condition,
                      std::chrono::milliseconds timeout = std::chrono::seconds{10}) {
    const auto end = Clock::now() + timeout;
    while (!condition() && Clock::now() < end) {
        pollfd polled{reactor.fd(), POLLIN, 0};
        const int wanted = reactor.timeout();
        (void)::poll(&polled, 1, wanted < 0 ? 20 : std::min(wanted, 20));
        reactor.dispatch();
    }
    return condition();
}

/// UDP and TCP on one port of 127.0.0.1.
class NameServer {
  public:
    /// @return what to send back, in this order; none for silence
    using Answer = std::function<std::vector<DnsMessage>(DnsMessage query)>;

    NameServer(Reactor& reactor, Answer answer) : reactor_(reactor), answer_(std::move(answer)) {
        do { // until both protocols have the port
            endpoint_ = {parse_ip_address("127.0.0.1").value(), 0};
            udp_ = bound(SOCK_DGRAM);
            tcp_ = bound(SOCK_STREAM);
        } while (!tcp_.valid());
        check(::listen(tcp_.get(), 64), "listen");
        reactor_.add(udp_.get(), EPOLLIN, [this](std::uint32_t) { serve_datagram(); });
        reactor_.add(tcp_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
    }
    ~NameServer() {
        reactor_.remove(udp_.get());
        reactor_.remove(tcp_.get());
        for (const auto& [fd, connection] : connections_) {
            reactor_.remove(fd);
        }
    }
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;

    [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
    [[nodiscard]] const std::vector<DnsMessage>& queries() const { return queries_; }
    [[nodiscard]] const std::vector<Endpoint>& clients() const { return clients_; } ///< of the datagrams

  private:
    UniqueFd bound(int type) {
        UniqueFd fd{check(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "make a socket")};
        SocketAddress address{endpoint_};
        if (::bind(fd.get(), address.get(), address.size) < 0) {
            return UniqueFd{};
        }
        check(::getsockname(fd.get(), address.get(), &address.size), "read the name");
        endpoint_ = address.endpoint();
        return fd;
    }
    void serve_datagram() {
        DnsMessage query(65535);
        SocketAddress peer;
        peer.size = sizeof peer.storage;
        const ssize_t got = ::recvfrom(udp_.get(), query.data(), query.size(), 0, peer.get(), &peer.size);
        if (got < 0) {
            return;
        }
        query.resize(static_cast<std::size_t>(got));
        queries_.push_back(query);
        clients_.push_back(peer.endpoint());
        for (const DnsMessage& answer : answer_(query)) {
            (void)::sendto(udp_.get(), answer.data(), answer.size(), 0, peer.get(), peer.size);
        }
    }
    void accept() {
        UniqueFd fd{::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (fd.valid()) {
            const int number = fd.get();
            reactor_.add(number, EPOLLIN, [this, number](std::uint32_t) { serve_stream(number); });
            connections_.emplace(number, std::move(fd));
        }
    }
    void serve_stream(int fd) {
        DnsMessage query(65537);
        const ssize_t got = ::recv(fd, query.data(), query.size(), 0); // one query, sent at once
        if (got <= 2) {
            reactor_.remove(fd);
            connections_.erase(fd);
            return;
        }
        query.resize(static_cast<std::size_t>(got));
        query.erase(query.begin(), query.begin() + 2);
        queries_.push_back(query);
        for (const DnsMessage& answer : answer_(query)) {
            DnsMessage framed;
            put_word(framed, static_cast<unsigned>(answer.size()));
            put_bytes(framed, answer);
            (void)::send(fd, framed.data(), framed.size(), MSG_NOSIGNAL);
        }
    }

    Reactor& reactor_;
    Answer answer_;
    Endpoint endpoint_;
    UniqueFd udp_, tcp_;
    std::map<int, UniqueFd> connections_;
    std::vector<DnsMessage> queries_;
    std::vector<Endpoint> clients_;
};

/// The answer with these records to whatever is asked.
inline NameServer::Answer says(std::vector<DnsMessage> records, unsigned flags = 0x8180) {
    return [records = std::move(records), flags](const DnsMessage& query) -> std::vector<DnsMessage> {
        const auto parsed = parse_query(query);
        DnsMessage answer = header(id_of(query), flags, 1, static_cast<unsigned>(records.size()));
        put_bytes(answer, parsed->question);
        for (const DnsMessage& bytes : records) {
            put_bytes(answer, bytes);
        }
        return {answer};
    };
}

inline NameServer::Answer says_nothing() {
    return [](const DnsMessage&) { return std::vector<DnsMessage>{}; };
}

} // namespace sandbox::net
