// SPDX-License-Identifier: Apache-2.0
// recvmsg(2) and sendmsg(2) with the local address beside the data: ip(7) IP_PKTINFO, ipv6(7) IPV6_PKTINFO.
#include "net/udp_publisher.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "net/addresses.hpp"
#include "net/frame_filter.hpp"

namespace sandbox::net {

namespace {

using namespace std::chrono_literals;

/// As libslirp's flows.
constexpr auto lifetime = 240s;
constexpr std::size_t most_peers = 4096;
constexpr std::size_t largest_datagram = 65535;
/// A handler gives way after so many.
constexpr int datagrams_at_once = 64;

/// Room for either family's packet information.
struct ControlBuffer {
    alignas(cmsghdr)
        std::array<std::byte, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(in_pktinfo))> bytes{};
};

/// The address that a datagram came to.
IpAddress local_address(msghdr& message) noexcept {
    IpAddress found;
    for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr; item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
            in_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(item), sizeof info);
            Ipv4Address bytes{};
            std::memcpy(bytes.data(), &info.ipi_spec_dst, bytes.size());
            found = IpAddress{bytes};
        } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(item), sizeof info);
            Ipv6Address bytes{};
            std::memcpy(bytes.data(), &info.ipi6_addr, bytes.size());
            return IpAddress{bytes};
        }
    }
    return found;
}

template <typename Info>
void put_control(msghdr& message, ControlBuffer& control, int level, int type, const Info& info) noexcept {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(sizeof info);
    cmsghdr* const item = CMSG_FIRSTHDR(&message);
    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(item), &info, sizeof info);
}

void put_local_address(msghdr& message, ControlBuffer& control, const IpAddress& local) noexcept {
    if (local.is_unspecified()) {
        return;
    }
    if (local.is_ipv6()) {
        in6_pktinfo info{};
        std::memcpy(&info.ipi6_addr, local.bytes().data(), sizeof info.ipi6_addr);
        put_control(message, control, IPPROTO_IPV6, IPV6_PKTINFO, info);
    } else {
        in_pktinfo info{};
        std::memcpy(&info.ipi_spec_dst, local.bytes().data(), sizeof info.ipi_spec_dst);
        put_control(message, control, IPPROTO_IP, IP_PKTINFO, info);
    }
}

} // namespace

std::size_t UdpPublisher::OriginHash::operator()(const Origin& origin) const noexcept {
    return std::hash<Endpoint>{}(origin.peer) * 31 + std::hash<IpAddress>{}(origin.local) * 17 +
           std::hash<const Listener*>{}(origin.listener);
}

UdpPublisher::UdpPublisher(Reactor& reactor, FlowTable& flows, const Tap& tap, bool ipv6)
    : reactor_(reactor),
      flows_(flows),
      tap_(tap),
      ipv6_(ipv6),
      buffer_(largest_datagram),
      peers_(reactor, most_peers, lifetime,
             [this](const FlowKey&, const Peer& peer) { by_origin_.erase(peer.origin); }) {}

void UdpPublisher::publish(UniqueFd socket, std::uint16_t port) {
    SocketAddress name;
    name.size = sizeof name.storage;
    check(::getsockname(socket.get(), name.get(), &name.size), "ask for the address of", "--publish");
    const bool is_ipv6 = name.storage.ss_family == AF_INET6;
    const int on = 1;
    check(::setsockopt(socket.get(), is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
                       is_ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof on),
          "ask for the address of each datagram to", "--publish");
    // The handler finds the listener by its place: the socket must be watched before the listener exists.
    const std::size_t place = listeners_.size();
    WatchedFd watched{reactor_, std::move(socket), EPOLLIN,
                      [this, place](std::uint32_t) { receive(*listeners_[place]); }};
    listeners_.push_back(std::make_unique<const Listener>(Listener{std::move(watched), port}));
}

void UdpPublisher::receive(const Listener& listener) {
    for (int count = 0; count < datagrams_at_once; ++count) {
        const auto arrival = receive_one(listener);
        if (!arrival) {
            return;
        }
        if (const auto key = flow_of(*arrival)) {
            const Bytes payload = Bytes{buffer_}.first(arrival->size);
            flows_.count_published(*key, 0, payload.size());
            tap_.write(make_datagram(key->outside, key->inside, payload, tap_.guest()));
        }
    }
}

std::optional<UdpPublisher::Arrival> UdpPublisher::receive_one(const Listener& listener) {
    Arrival arrival;
    ControlBuffer control;
    iovec part{buffer_.data(), buffer_.size()};
    msghdr message{};
    message.msg_name = arrival.address.get();
    message.msg_namelen = sizeof arrival.address.storage;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    const ssize_t got = ::recvmsg(listener.socket.get(), &message, MSG_DONTWAIT);
    if (got < 0) {
        return std::nullopt;
    }
    arrival.address.size = message.msg_namelen;
    arrival.size = static_cast<std::size_t>(got);
    arrival.origin = {&listener, arrival.address.endpoint(), local_address(message)};
    return arrival;
}

/// As whom the inside would like to see a peer.
FlowKey UdpPublisher::appearance(const Origin& origin) const {
    const bool is_ipv6 = origin.peer.address.is_ipv6() && ipv6_;
    FlowKey key{Protocol::udp,
                {is_ipv6 ? IpAddress{ipv6_guest} : IpAddress{ipv4_guest}, origin.listener->port},
                origin.peer};
    if (origin.peer.address.is_ipv6() != is_ipv6 || !is_outside(origin.peer.address)) {
        key.outside.address = is_ipv6 ? IpAddress{ipv6_gateway} : IpAddress{ipv4_gateway};
    }
    return key;
}

/// The peer's flow, made where there is none; nothing where no port of the gateway is left for it.
std::optional<FlowKey> UdpPublisher::flow_of(const Arrival& arrival) {
    const auto known = by_origin_.find(arrival.origin);
    if (known != by_origin_.end()) {
        peers_.touch(known->second);
        return known->second;
    }
    FlowKey key = appearance(arrival.origin);
    constexpr int most_tries = 64;
    for (int tries = 0; peers_.find(key) != nullptr; ++tries) {
        // Two peers of the host's loopback, or one that writes to two of our ports: they must stay apart.
        if (tries == most_tries) {
            return std::nullopt;
        }
        // Ports of the dynamic range, scattered: RFC 6335, 6.
        constexpr unsigned first = 49152;
        key.outside.address =
            key.inside.address.is_ipv6() ? IpAddress{ipv6_gateway} : IpAddress{ipv4_gateway};
        key.outside.port = static_cast<std::uint16_t>(
            first + (key.outside.port * 31U + 17U + static_cast<unsigned>(tries)) % (65536 - first));
    }
    peers_.add(key, {arrival.origin, arrival.address});
    by_origin_.emplace(arrival.origin, key);
    return key;
}

bool UdpPublisher::input(const Packet& datagram) {
    if (peers_.size() == 0) {
        return false; // as for most sandboxes
    }
    const bool is_ipv6 = datagram.source.address.is_ipv6();
    // Of its addresses the guest may have chosen any; peers are kept under the fixed one.
    const FlowKey key{Protocol::udp,
                      {is_ipv6 ? IpAddress{ipv6_guest} : IpAddress{ipv4_guest}, datagram.source.port},
                      datagram.destination};
    const Peer* const peer = peers_.touch(key);
    if (peer == nullptr) {
        return false;
    }
    SocketAddress to = peer->address;
    ControlBuffer control;
    iovec part{const_cast<std::byte*>(datagram.payload.data()), datagram.payload.size()};
    msghdr message{};
    message.msg_name = to.get();
    message.msg_namelen = to.size;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    put_local_address(message, control, peer->origin.local);
    // A datagram that cannot leave is lost, as on a wire.
    (void)::sendmsg(peer->origin.listener->socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    flows_.count_published(key, datagram.payload.size(), 0);
    return true;
}

} // namespace sandbox::net
