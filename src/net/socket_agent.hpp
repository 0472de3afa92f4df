// SPDX-License-Identifier: Apache-2.0
// Sockets inside the sandbox's network namespace, made on request by a process that lives there: connections
// from published ports to services inside begin with them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "base/ip_address.hpp"
#include "base/unique_fd.hpp"
#include "net/reactor.hpp"

namespace sandbox::net {

/// The agent's whole life, on its end of the channel; to be called in the sandbox's namespaces, with all
/// capabilities there. Keeps CAP_NET_ADMIN alone, can open no file (Landlock, seccomp), and ends with the
/// channel.
[[noreturn]] void run_socket_agent(int channel);

/// The other end of the channel. Requests are answered in their order, many may be under way.
class SocketAgent {
  public:
    /// @param socket a non-blocking TCP socket bound to what was asked for; invalid: see `code`, an errno
    /// value
    using Receiver = std::function<void(UniqueFd socket, int code)>;

    /// @param channel see ConfiguratorResult; invalid: every request fails. @param reactor must outlive it
    SocketAgent(Reactor& reactor, UniqueFd channel);
    ~SocketAgent();
    SocketAgent(const SocketAgent&) = delete;
    SocketAgent& operator=(const SocketAgent&) = delete;

    /// A socket for a connection *from* this endpoint, whosever it is (IP_TRANSPARENT). Port 0: any.
    void request_transparent(const Endpoint& source, Receiver receiver);
    /// A socket that is not bound.
    void request_plain(bool ipv6, Receiver receiver);

  private:
    struct Request {
        Endpoint source;
        bool transparent = false;
    };

    void request(const Request& request, Receiver receiver);
    void send_requests();
    void receive();
    void fail_all();

    Reactor& reactor_;
    UniqueFd channel_;
    std::deque<Request> unsent_;
    std::deque<Receiver> receivers_; ///< of all requests, sent or not
};

} // namespace sandbox::net
