// SPDX-License-Identifier: Apache-2.0
// One request, one answer: the kernel has it ready when sendto(2) returns.
#include "net/keepalive_lookup.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace sandbox::net {

namespace {

constexpr int established = 1;              // TCP_ESTABLISHED
constexpr std::uint8_t keepalive_timer = 2; // sock_diag(7), idiag_timer

struct Request {
    nlmsghdr header{};
    inet_diag_req_v2 body{};
};

Request make_request(const Endpoint& local, const Endpoint& remote) noexcept {
    Request request;
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    inet_diag_req_v2& body = request.body;
    body.sdiag_family = local.address.is_ipv6() ? AF_INET6 : AF_INET;
    body.sdiag_protocol = IPPROTO_TCP;
    body.idiag_states = 1U << established;
    body.id.idiag_sport = htons(local.port);
    body.id.idiag_dport = htons(remote.port);
    std::memcpy(body.id.idiag_src, local.address.bytes().data(), local.address.bytes().size());
    std::memcpy(body.id.idiag_dst, remote.address.bytes().data(), remote.address.bytes().size());
    body.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return request;
}

} // namespace

std::optional<std::chrono::milliseconds> KeepaliveLookup::time_to_probe(const Endpoint& local,
                                                                        const Endpoint& remote) const {
    if (!diagnosis_.valid()) {
        return std::nullopt;
    }
    const Request request = make_request(local, remote);
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (::sendto(diagnosis_.get(), &request, sizeof request, MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
        return std::nullopt;
    }
    alignas(nlmsghdr) std::array<char, 4096> buffer{};
    const ssize_t got = ::recv(diagnosis_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg)))) {
        return std::nullopt;
    }
    nlmsghdr header{};
    inet_diag_msg answer{};
    std::memcpy(&header, buffer.data(), sizeof header);
    std::memcpy(&answer, buffer.data() + NLMSG_HDRLEN, sizeof answer);
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || answer.idiag_timer != keepalive_timer) {
        return std::nullopt;
    }
    return std::chrono::milliseconds{answer.idiag_expires};
}

} // namespace sandbox::net
