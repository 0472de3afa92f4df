// SPDX-License-Identifier: Apache-2.0
// --publish on the host's side: sockets bound before anything of the command runs.
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "run/network_helper.hpp"

namespace sandbox {

namespace {

const char* name_of(Transport transport) {
    return transport == Transport::tcp ? "tcp" : "udp";
}

std::string hint_for(int code, std::uint16_t port) {
    switch (code) {
        case EADDRINUSE:
            return "another program has it; take another HOSTPORT, or 0 to have one chosen";
        case EACCES:
            return "ports below net.ipv4.ip_unprivileged_port_start are root's: take one from 1024 on, or "
                   "sudo "
                   "sysctl net.ipv4.ip_unprivileged_port_start=" +
                   std::to_string(port);
        case EADDRNOTAVAIL:
            return "the address before HOSTPORT must be one of this host's";
        case EMFILE:
            return "each port is a descriptor: publish fewer, or raise ulimit -n";
        default:
            return "";
    }
}

UniqueFd bind_one(const Endpoint& endpoint, Transport transport) {
    const int type = transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
    const int family = endpoint.address.is_ipv6() ? AF_INET6 : AF_INET;
    UniqueFd socket{::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    const int on = 1;
    const SocketAddress address{endpoint};
    // Its own connections in TIME_WAIT do not keep a port from the next run. [::] is IPv6 alone, so that
    // 0.0.0.0 can be published beside it.
    const bool bound =
        socket.valid() &&
        (transport == Transport::udp ||
         ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0) &&
        (family == AF_INET || ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        ::bind(socket.get(), address.get(), address.size) == 0 &&
        (transport == Transport::udp || ::listen(socket.get(), SOMAXCONN) == 0);
    if (!bound) {
        const int code = errno;
        throw SystemError(code, "publish", to_string(endpoint) + "/" + name_of(transport),
                          hint_for(code, endpoint.port));
    }
    return socket;
}

std::uint16_t port_of(const UniqueFd& socket) {
    SocketAddress address;
    address.size = sizeof address.storage;
    check(::getsockname(socket.get(), address.get(), &address.size), "ask for the port of", "a socket");
    return address.endpoint().port;
}

} // namespace

std::vector<PublishedPort> bind_published_ports(const std::vector<PublishRule>& rules, const Log& log) {
    std::vector<PublishedPort> ports;
    for (const PublishRule& rule : rules) {
        for (unsigned i = 0; i < rule.count; ++i) {
            const auto host_port = static_cast<std::uint16_t>(rule.host_port == 0 ? 0 : rule.host_port + i);
            const auto port = static_cast<std::uint16_t>(rule.port + i);
            UniqueFd socket = bind_one({rule.address, host_port}, rule.transport);
            if (host_port == 0) {
                log.note("published " + to_string(Endpoint{rule.address, port_of(socket)}) + " -> " +
                         std::to_string(port) + "/" + name_of(rule.transport));
            }
            ports.push_back({std::move(socket), rule.transport, port});
        }
    }
    return ports;
}

} // namespace sandbox
