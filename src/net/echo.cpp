// SPDX-License-Identifier: Apache-2.0
// ICMP sockets: the kernel puts its own identifier and checksum into what is sent, and hands over only the
// replies to it.
#include "net/echo.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

#include "net/addresses.hpp"
#include "net/bytes.hpp"

namespace sandbox::net {

namespace {

using namespace std::chrono_literals;

/// As long as libslirp and most firewalls wait.
constexpr auto lifetime = 10s;
/// An eighth of the descriptors that sandbox-net may have.
constexpr std::size_t most_sockets = 512;
constexpr std::size_t icmp_header = 8;
constexpr std::size_t largest_message = 65535;
/// A handler gives way after so many.
constexpr int messages_at_once = 64;

struct Family {
    int domain;
    int protocol;
    int level;
    int receive_errors;
    int hop_limit;
    std::uint8_t echo_reply;
};
constexpr Family ipv4_family{AF_INET, IPPROTO_ICMP, IPPROTO_IP, IP_RECVERR, IP_TTL, 0};
constexpr Family ipv6_family{AF_INET6, IPPROTO_ICMPV6, IPPROTO_IPV6, IPV6_RECVERR, IPV6_UNICAST_HOPS, 129};

const Family& family_of(const Packet& packet) noexcept {
    return packet.destination.address.is_ipv6() ? ipv6_family : ipv4_family;
}

std::optional<Unreachable> unreachable_of(int error) noexcept {
    switch (error) {
        case EACCES:
        case EPERM:
            return Unreachable::prohibited;
        case ENETUNREACH:
        case EAFNOSUPPORT:
        case EADDRNOTAVAIL:
        case EMFILE: // as libslirp says it
        case ENFILE:
            return Unreachable::network;
        case EHOSTUNREACH:
        case EHOSTDOWN:
        case ECONNREFUSED:
            return Unreachable::host;
        default:
            return std::nullopt; // no memory, too long: lost, as on a wire
    }
}

/// An error from the network or from this host, as recvmsg(2) with MSG_ERRQUEUE hands it over. ip(7),
/// IP_RECVERR.
struct NetworkError {
    sock_extended_err error{};
    IpAddress offender;
    std::optional<std::uint16_t> sequence; ///< of the request it is about
};

std::optional<NetworkError> receive_error(int socket, const Family& family) noexcept {
    std::array<std::byte, 64> quoted{};
    alignas(cmsghdr) std::array<std::byte, 256> control{};
    iovec part{quoted.data(), quoted.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (got < 0) {
        return std::nullopt;
    }
    NetworkError result;
    if (static_cast<std::size_t>(got) >= icmp_header) {
        result.sequence = static_cast<std::uint16_t>(word_at(quoted, 6));
    }
    for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr; item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level == family.level && item->cmsg_type == family.receive_errors) {
            const std::size_t size = item->cmsg_len - CMSG_LEN(0);
            SocketAddress offender;
            std::memcpy(&result.error, CMSG_DATA(item), std::min(size, sizeof result.error));
            if (size > sizeof result.error) {
                offender.size =
                    static_cast<socklen_t>(std::min(size - sizeof result.error, sizeof offender.storage));
                std::memcpy(&offender.storage, CMSG_DATA(item) + sizeof result.error, offender.size);
                result.offender = offender.endpoint().address;
            }
        }
    }
    return result;
}

/// The frame that says so to the inside; nothing where no message does.
std::optional<Frame> frame_of(const NetworkError& error, const Packet& request) {
    const bool is_ipv6 = request.destination.address.is_ipv6();
    const auto& [number, origin, type, code] =
        std::tuple{static_cast<int>(error.error.ee_errno), error.error.ee_origin, error.error.ee_type,
                   error.error.ee_code};
    const bool is_from_network = origin == SO_EE_ORIGIN_ICMP || origin == SO_EE_ORIGIN_ICMP6;
    if (is_from_network && type == (is_ipv6 ? 3 : 11) && code == 0 && error.offender.is_ipv6() == is_ipv6) {
        return make_time_exceeded(request, error.offender);
    }
    const std::optional<Unreachable> reason = unreachable_of(number);
    return reason ? std::optional{make_unreachable(request, *reason)} : std::nullopt;
}

} // namespace

EchoRelay::Request::Request(const Packet& request) noexcept
    : size(std::min({head.size(), request.frame.size(),
                     static_cast<std::size_t>(request.payload.data() - request.frame.data()) + 8})),
      protocol(request.protocol),
      source(request.source),
      destination(request.destination) {
    std::ranges::copy(request.frame.first(size), head.begin());
}

void EchoRelay::Request::set_sequence(std::uint16_t sequence) noexcept {
    const auto at = static_cast<std::size_t>(packet().transport.data() - head.data()) + 6;
    head[at] = static_cast<std::byte>(sequence >> 8);
    head[at + 1] = static_cast<std::byte>(sequence & 0xff);
}

Packet EchoRelay::Request::packet() const noexcept {
    constexpr std::size_t ethernet_header = 14;
    Packet packet;
    packet.frame = Bytes{head}.first(size);
    packet.ip = packet.frame.subspan(ethernet_header);
    packet.transport = packet.ip.subspan(protocol == Protocol::icmpv6 ? 40 : 20);
    packet.protocol = protocol;
    packet.source = source;
    packet.destination = destination;
    return packet;
}

EchoRelay::EchoRelay(Reactor& reactor, Output output, std::function<void()> on_forbidden)
    : reactor_(reactor),
      output_(std::move(output)),
      on_forbidden_(std::move(on_forbidden)),
      buffer_(largest_message),
      flows_(reactor, most_sockets, lifetime) {}

void EchoRelay::input(const Packet& request) {
    if (request.hop_limit <= 1) {
        const bool is_ipv6 = request.destination.address.is_ipv6();
        output_(make_time_exceeded(request, is_ipv6 ? IpAddress{ipv6_gateway} : IpAddress{ipv4_gateway}));
        return;
    }
    const FlowKey key = flow_of(request, true);
    Flow* flow = flows_.touch(key);
    if (flow == nullptr) {
        flow = open(key, request);
    }
    if (flow != nullptr) {
        send(*flow, request);
    }
}

EchoRelay::Flow* EchoRelay::open(const FlowKey& key, const Packet& request) {
    const Family& family = family_of(request);
    UniqueFd socket{::socket(family.domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, family.protocol)};
    if (!socket.valid()) {
        const int error = errno;
        if (error == EACCES && on_forbidden_) {
            std::exchange(on_forbidden_, nullptr)();
        }
        refuse(request, error);
        return nullptr;
    }
    const int on = 1;
    (void)::setsockopt(socket.get(), family.level, family.receive_errors, &on, sizeof on);
    const SocketAddress destination{request.destination};
    if (::connect(socket.get(), destination.get(), destination.size) < 0) {
        refuse(request, errno);
        return nullptr;
    }
    return &flows_.add(
        key, {WatchedFd{reactor_, std::move(socket), EPOLLIN, [this, key](std::uint32_t) { serve(key); }},
              Request{request}, 0});
}

void EchoRelay::send(Flow& flow, const Packet& request) {
    const Family& family = family_of(request);
    const int socket = flow.socket.get();
    flow.latest = Request{request};
    const unsigned hop_limit = request.hop_limit - 1U; // this is a hop too: traceroute counts it
    if (hop_limit != flow.hop_limit) {
        const int value = static_cast<int>(hop_limit);
        (void)::setsockopt(socket, family.level, family.hop_limit, &value, sizeof value);
        flow.hop_limit = hop_limit;
    }
    const Bytes message = request.transport;
    if (::send(socket, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
        return;
    }
    // It may be what an earlier request met with; the queue tells of that one, and this one goes out after
    // it.
    pass_on_errors(flow);
    if (::send(socket, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        refuse(request, errno);
    }
}

void EchoRelay::refuse(const Packet& request, int error) {
    if (const auto reason = unreachable_of(error)) {
        output_(make_unreachable(request, *reason));
    }
}

void EchoRelay::serve(const FlowKey& key) {
    if (const Flow* flow = flows_.find(key)) {
        pass_on_errors(*flow);
        pass_on_replies(*flow);
    }
}

void EchoRelay::pass_on_replies(const Flow& flow) {
    for (int count = 0; count < messages_at_once; ++count) {
        SocketAddress from;
        from.size = sizeof from.storage;
        const ssize_t got = ::recvfrom(flow.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                                       from.get(), &from.size);
        if (got < 0) {
            return;
        }
        const Bytes reply = Bytes{buffer_}.first(static_cast<std::size_t>(got));
        const Packet request = flow.latest.packet();
        // An ICMP socket takes replies from anybody; those of a broadcast's or anycast's members are not
        // ours.
        if (reply.size() < icmp_header || byte_at(reply, 0) != family_of(request).echo_reply ||
            from.endpoint().address != request.destination.address) {
            continue;
        }
        Request asked = flow.latest;
        asked.set_sequence(static_cast<std::uint16_t>(word_at(reply, 6)));
        output_(make_echo_reply(asked.packet(), reply.subspan(icmp_header)));
    }
}

void EchoRelay::pass_on_errors(const Flow& flow) {
    const Family& family = family_of(flow.latest.packet());
    for (int count = 0; count < messages_at_once; ++count) {
        const auto error = receive_error(flow.socket.get(), family);
        if (!error) {
            return;
        }
        Request asked = flow.latest;
        if (error->sequence) {
            asked.set_sequence(*error->sequence);
        }
        if (const auto frame = frame_of(*error, asked.packet())) {
            output_(*frame);
        }
    }
}

} // namespace sandbox::net
