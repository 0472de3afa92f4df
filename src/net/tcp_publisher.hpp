// SPDX-License-Identifier: Apache-2.0
// Published TCP ports: a connection to a port of the host's is spliced to one that is made inside.
//
//   peer ──▶ listener ─accept─▶ a socket inside, from the agent, bound to the peer's own address and port
//                               connect() to 10.0.2.15:PORT or [fd00::15]:PORT ──▶ the service sees the peer
//                               refused: the peer is reset, at once
//                               connected: the two sockets go to the SpliceTable
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/ip_address.hpp"
#include "base/unique_fd.hpp"
#include "net/flow_log.hpp"
#include "net/reactor.hpp"
#include "net/socket_agent.hpp"
#include "net/splice_table.hpp"

namespace sandbox::net {

/// A listening, non-blocking socket of the host's, and the port inside that it stands for.
struct PublishedListener {
    UniqueFd socket;
    std::uint16_t port = 0;
};

/// What the configurator could do.
struct PublisherAbilities {
    bool transparent = false;      ///< rules for IPv4 are in force
    bool transparent_ipv6 = false; ///< and for IPv6
    bool ipv6 = false;             ///< the inside has IPv6
};

/// Where the rules are not in force, services see the sandbox's own address as the peer's; never 127.0.0.1,
/// which many of them trust (CVE-2021-20199).
class TcpPublisher {
  public:
    /// All must outlive it.
    TcpPublisher(Reactor& reactor, FlowLog& log, SpliceTable& table, SocketAgent& agent,
                 const PublisherAbilities& abilities);
    ~TcpPublisher();
    TcpPublisher(const TcpPublisher&) = delete;
    TcpPublisher& operator=(const TcpPublisher&) = delete;

    void add(PublishedListener listener);

  private:
    struct Pending;

    void accept_all(const PublishedListener& listener);
    bool accept_one(const PublishedListener& listener);
    void request_socket(Pending& pending);
    void on_socket(std::uint64_t id, UniqueFd socket, int code);
    void connect(Pending& pending);
    void on_connecting(Pending& pending);
    void on_connected(Pending& pending);
    void fail(Pending& pending);
    void remove(Pending& pending);
    [[nodiscard]] FlowRecord record_of(const Pending& pending) const;
    [[nodiscard]] bool is_transparent(bool ipv6) const noexcept;

    Reactor& reactor_;
    FlowLog& log_;
    SpliceTable& table_;
    SocketAgent& agent_;
    PublisherAbilities abilities_;
    std::vector<std::unique_ptr<PublishedListener>> listeners_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Pending>> pending_;
    std::uint64_t next_id_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true); ///< answers of the agent may come later
};

/// Whom a service may see as its peer: the peer itself, or the gateway, any port, where the inside could take
/// the address for one of its own or could not answer it. `service_ipv6` is the family that the service is
/// asked by.
Endpoint visible_peer(const Endpoint& peer, bool service_ipv6);

} // namespace sandbox::net
