// SPDX-License-Identifier: Apache-2.0
// Joining namespaces by the tap's descriptor, and the sockets that need to be made there.
#include "net/configurator.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/ip_address.hpp"
#include "net/socket_agent.hpp"
#include "net/splice_rules.hpp"

namespace sandbox::net {

namespace {

constexpr std::size_t max_sockets = 5;

/// What the one packet says. The descriptors come in this order.
struct Answer {
    bool ipv4 = false;
    bool ipv6 = false;
    bool diagnosis = false;
    bool agent = false;
    std::array<char, 256> failure{};
};

// ---- inside the fork -------------------------------------------------------------------------------------

void join_namespaces(int tap) {
    const UniqueFd network{check(::ioctl(tap, TUNGETDEVNETNS), "find the network namespace of", "the tap")};
    const UniqueFd owner{
        check(::ioctl(network.get(), NS_GET_USERNS), "find the owner of", "the network namespace")};
    // EINVAL: it is the caller's own, as with a sandbox that has no user namespace of its own. setns(2).
    if (::setns(owner.get(), CLONE_NEWUSER) < 0 && errno != EINVAL) {
        throw_errno(errno, "join", "the sandbox's user namespace");
    }
    check(::setns(network.get(), CLONE_NEWNET), "join", "the sandbox's network namespace");
}

std::uint32_t index_of(int tap) {
    ifreq request{};
    check(::ioctl(tap, TUNGETIFF, &request), "ask for the interface of", "the tap");
    const UniqueFd socket{check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "open", "a socket")};
    check(::ioctl(socket.get(), SIOCGIFINDEX, &request), "find", request.ifr_name);
    return static_cast<std::uint32_t>(request.ifr_ifindex);
}

void set_option(const UniqueFd& socket, int level, int option, int value, const char* name) {
    check(::setsockopt(socket.get(), level, option, &value, sizeof value), "set", name);
}

UniqueFd open_listener(bool ipv6) {
    // As many as the kernel allows: net.core.somaxconn cuts it.
    constexpr int backlog = 65535;
    UniqueFd listener{
        check(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "open",
              "a listener")};
    if (ipv6) {
        set_option(listener, SOL_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
        set_option(listener, SOL_IPV6, IPV6_TRANSPARENT, 1, "IPV6_TRANSPARENT");
    } else {
        set_option(listener, SOL_IP, IP_TRANSPARENT, 1, "IP_TRANSPARENT");
    }
    // Accepted sockets inherit it. What is forwarded has waited once already.
    set_option(listener, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    const SocketAddress name{splice_listener(ipv6)};
    check(::bind(listener.get(), name.get(), name.size), "bind", "a listener");
    check(::listen(listener.get(), backlog), "listen on", "a listener");
    return listener;
}

UniqueFd open_raw(bool ipv6) {
    // IPPROTO_RAW: packets come with their headers, and none is received. raw(7), ipv6(7).
    UniqueFd raw{
        check(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW),
              "open", "a raw socket")};
    set_option(raw, SOL_SOCKET, SO_MARK, static_cast<int>(splice_mark), "SO_MARK");
    return raw;
}

SpliceSockets open_family(bool ipv6, std::uint32_t tap) {
    SpliceSockets sockets{open_listener(ipv6), open_raw(ipv6)};
    install_splice_rules(ipv6, tap); // last: from here on TCP goes to the listener
    return sockets;
}

/// Tries what was asked for. IPv4 alone is worth having, IPv6 alone is not.
void open_sockets(int tap, const ConfiguratorRequest& request, ConfiguratorResult& result) {
    try {
        join_namespaces(tap);
    } catch (const Error& error) {
        result.failure = error.what();
        return;
    }
    try {
        if (request.splice) {
            const std::uint32_t index = index_of(tap);
            result.ipv4 = open_family(false, index);
            // A kernel without it is no reason to do without the rest.
            result.diagnosis.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
            if (request.ipv6) {
                result.ipv6 = open_family(true, index);
            }
        }
    } catch (const Error& error) {
        result.failure = (result.ipv4.valid() ? "IPv6: " : "") + std::string{error.what()};
    }
}

void send_answer(int channel, const ConfiguratorResult& result, bool agent) {
    Answer answer;
    answer.ipv4 = result.ipv4.valid();
    answer.ipv6 = result.ipv6.valid();
    answer.diagnosis = result.diagnosis.valid();
    answer.agent = agent;
    std::strncpy(answer.failure.data(), result.failure.c_str(), answer.failure.size() - 1);
    std::vector<int> sockets;
    for (const SpliceSockets* pair : {&result.ipv4, &result.ipv6}) {
        if (pair->valid()) {
            sockets.insert(sockets.end(), {pair->listener.get(), pair->raw.get()});
        }
    }
    if (result.diagnosis.valid()) {
        sockets.push_back(result.diagnosis.get());
    }
    iovec part{&answer, sizeof answer};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(max_sockets * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!sockets.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(sockets.size() * sizeof(int));
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sockets.size() * sizeof(int));
        std::memcpy(CMSG_DATA(header), sockets.data(), sockets.size() * sizeof(int));
    }
    check(::sendmsg(channel, &message, MSG_NOSIGNAL), "send", "sockets");
}

[[noreturn]] void run_configurator(int tap, int channel, const ConfiguratorRequest& request,
                                   pid_t parent) noexcept {
    try {
        // It has all capabilities in the sandbox's user namespace in a moment: nobody in there shall trace
        // it.
        check(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "forbid tracing");
        bool agent = false;
        {
            ConfiguratorResult result;
            open_sockets(tap, request, result);
            // Joining a user namespace clears it. prctl(2), PR_SET_PDEATHSIG.
            check(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "ask for a signal at the parent's death");
            agent = request.agent && ::getppid() == parent;
            send_answer(channel, result, agent);
        }
        if (agent) {
            run_socket_agent(channel);
        }
    } catch (const std::exception&) {
        ::_exit(1); // the closed channel says so
    }
    ::_exit(0);
}

// ---- in sandbox-net --------------------------------------------------------------------------------------

UniqueFd take(const int*& next) {
    return UniqueFd{*next++};
}

/// @return nothing but a reason where no whole answer came in time
ConfiguratorResult receive_answer(UniqueFd channel, int patience) {
    ConfiguratorResult result;
    pollfd wait{channel.get(), POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&wait, 1, patience);
    } while (ready < 0 && errno == EINTR);
    Answer answer;
    iovec part{&answer, sizeof answer};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(max_sockets * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (ready != 1 ||
        ::recvmsg(channel.get(), &message, MSG_CMSG_CLOEXEC) != static_cast<ssize_t>(sizeof answer)) {
        result.failure = ready == 0 ? "the configurator took too long" : "the configurator has died";
        return result;
    }
    std::array<int, max_sockets> sockets{};
    sockets.fill(-1);
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
        std::memcpy(sockets.data(), CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    }
    const int* next = sockets.data();
    if (answer.ipv4) {
        result.ipv4.listener = take(next);
        result.ipv4.raw = take(next);
    }
    if (answer.ipv6) {
        result.ipv6.listener = take(next);
        result.ipv6.raw = take(next);
    }
    if (answer.diagnosis) {
        result.diagnosis = take(next);
    }
    if (answer.agent) {
        result.agent = std::move(channel);
    }
    answer.failure.back() = '\0';
    result.failure = answer.failure.data();
    return result;
}

} // namespace

std::vector<int> ConfiguratorResult::fds() const {
    std::vector<int> all;
    for (const UniqueFd* fd : {&ipv4.listener, &ipv4.raw, &ipv6.listener, &ipv6.raw, &diagnosis, &agent}) {
        if (fd->valid()) {
            all.push_back(fd->get());
        }
    }
    return all;
}

ConfiguratorResult configure_namespace(int tap, const ConfiguratorRequest& request) {
    ConfiguratorResult result;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        result.failure = "cannot make a socket pair: " + error_text(errno);
        return result;
    }
    UniqueFd ours{ends[0]};
    UniqueFd theirs{ends[1]};
    const pid_t self = ::getpid();
    const pid_t configurator = ::fork();
    if (configurator == 0) {
        ours.reset();
        run_configurator(tap, theirs.get(), request, self);
    }
    if (configurator < 0) {
        result.failure = "cannot fork: " + error_text(errno);
        return result;
    }
    theirs.reset();
    result = receive_answer(std::move(ours), request.patience);
    if (!result.agent.valid()) {
        (void)::kill(configurator, SIGKILL); // it has nothing more to do, or has not done it in time
        (void)::waitpid(configurator, nullptr, 0);
    }
    return result;
}

} // namespace sandbox::net
