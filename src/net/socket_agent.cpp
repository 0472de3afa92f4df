// SPDX-License-Identifier: Apache-2.0
// One packet asks for a socket, one packet brings it, or the errno value that tells why not.
#include "net/socket_agent.hpp"

#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "linux/capabilities.hpp"
#include "linux/confine.hpp"
#include "linux/seccomp.hpp"

namespace sandbox::net {

namespace {

/// On the wire between two processes of one program.
struct Question {
    SocketAddress source;
    bool transparent = false;
};

/// Asked for at a time: the channel's buffers hold as many questions, and answers.
constexpr std::size_t max_under_way = 32;

constexpr int agent_calls[] = {
    SYS_recvfrom, SYS_sendmsg, SYS_socket,     SYS_setsockopt,   SYS_bind,
    SYS_close,    SYS_exit,    SYS_exit_group, SYS_rt_sigreturn,
};

void confine_agent(int channel) {
    // The channel's number is beyond the standard descriptors: those of the caller are open when it is made.
    if (channel > 0) {
        check(::close_range(0, static_cast<unsigned>(channel) - 1, 0), "close inherited descriptors");
    }
    check(::close_range(static_cast<unsigned>(channel) + 1, ~0U, 0), "close inherited descriptors");
    constexpr CapabilityMask kept = capability_bit(CAP_NET_ADMIN); // IP_TRANSPARENT. ip(7)
    check(limit_capability_bounds(0), "empty the bounding set");
    check(set_capabilities(kept, kept, 0), "drop capabilities");
    (void)landlock_restrict(
        false); // false: no Landlock in this kernel; no call that opens a file is allowed below
    limit_memory(64 << 20);
    check(load_allow_list(agent_calls), "load the system-call filter");
}

bool set_flag(int socket, int level, int option) noexcept {
    const int on = 1;
    return ::setsockopt(socket, level, option, &on, sizeof on) == 0;
}

/// @return the socket, or none with errno
UniqueFd make_socket(const Question& question) noexcept {
    const int family = question.source.storage.ss_family;
    const bool ipv6 = family == AF_INET6;
    UniqueFd socket{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket.valid() || !set_flag(socket.get(), IPPROTO_TCP, TCP_NODELAY) || !question.transparent) {
        return socket;
    }
    // One peer may talk to two services from one port: two sockets with one name. And a port that is left to
    // the kernel is chosen when it connects, so that each service has all ports to itself. ip(7).
    if (!set_flag(socket.get(), ipv6 ? SOL_IPV6 : SOL_IP, ipv6 ? IPV6_TRANSPARENT : IP_TRANSPARENT) ||
        !set_flag(socket.get(), SOL_SOCKET, SO_REUSEADDR) ||
        !set_flag(socket.get(), SOL_IP, IP_BIND_ADDRESS_NO_PORT) ||
        ::bind(socket.get(), question.source.get(), question.source.size) < 0) {
        const int code = errno;
        socket.reset();
        errno = code;
    }
    return socket;
}

void answer(int channel, int socket, int code) noexcept {
    iovec part{&code, sizeof code};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (socket >= 0) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &socket, sizeof socket);
    }
    if (::sendmsg(channel, &message, MSG_NOSIGNAL) < 0) {
        ::_exit(1); // nobody is left to ask
    }
}

} // namespace

void run_socket_agent(int channel) {
    confine_agent(channel);
    Question question;
    while (::recv(channel, &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question)) {
        const UniqueFd socket = make_socket(question);
        answer(channel, socket.get(), socket.valid() ? 0 : errno);
    }
    ::_exit(0);
}

SocketAgent::SocketAgent(Reactor& reactor, UniqueFd channel)
    : reactor_(reactor), channel_(std::move(channel)) {
    if (channel_.valid()) {
        reactor_.add(channel_.get(), EPOLLIN, [this](std::uint32_t) { receive(); });
    }
}

SocketAgent::~SocketAgent() {
    if (channel_.valid()) {
        reactor_.remove(channel_.get());
    }
}

void SocketAgent::request_transparent(const Endpoint& source, Receiver receiver) {
    request({source, true}, std::move(receiver));
}

void SocketAgent::request_plain(bool ipv6, Receiver receiver) {
    Request plain;
    if (ipv6) {
        plain.source.address = IpAddress{std::array<std::uint8_t, 16>{}};
    }
    request(plain, std::move(receiver));
}

void SocketAgent::request(const Request& request, Receiver receiver) {
    if (!channel_.valid()) {
        receiver(UniqueFd{}, EPIPE);
        return;
    }
    unsent_.push_back(request);
    receivers_.push_back(std::move(receiver));
    send_requests();
}

void SocketAgent::send_requests() {
    while (!unsent_.empty() && receivers_.size() - unsent_.size() < max_under_way) {
        Question question;
        question.source = SocketAddress{unsent_.front().source};
        question.transparent = unsent_.front().transparent;
        if (::send(channel_.get(), &question, sizeof question, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            if (errno != EAGAIN) {
                fail_all();
            }
            return; // on EAGAIN, the next answer brings us back
        }
        unsent_.pop_front();
    }
}

void SocketAgent::receive() {
    while (channel_.valid() && receivers_.size() > unsent_.size()) {
        int code = 0;
        iovec part{&code, sizeof code};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const ssize_t got = ::recvmsg(channel_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) {
            break;
        }
        if (got != static_cast<ssize_t>(sizeof code)) {
            fail_all();
            return;
        }
        UniqueFd socket;
        if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(header), sizeof number);
            socket.reset(number);
        } else if (code == 0) {
            code = EMFILE; // the descriptor found no place here
        }
        const Receiver receiver = std::move(receivers_.front());
        receivers_.pop_front();
        receiver(std::move(socket), code);
    }
    if (channel_.valid()) {
        send_requests();
        if (receivers_.empty()) {
            char byte = 0; // end of file, or nothing
            if (::recv(channel_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0) {
                fail_all();
            }
        }
    }
}

/// The agent is gone.
void SocketAgent::fail_all() {
    reactor_.remove(channel_.get());
    channel_.reset();
    unsent_.clear();
    for (const Receiver& receiver : std::exchange(receivers_, {})) {
        receiver(UniqueFd{}, EPIPE);
    }
}

} // namespace sandbox::net
