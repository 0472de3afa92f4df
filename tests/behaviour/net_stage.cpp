// SPDX-License-Identifier: Apache-2.0
// Two processes hold the namespaces; what is started joins them between fork and exec.
#include "net_stage.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace sandbox::test {

namespace {

/// Descriptors that sandbox-net finds its own at, far from those that the test has.
constexpr int first_fd = 200;

// What the programs of both sides share. A server prints "ready" when it is bound.
const char* const prelude = R"(
import os, select, socket, struct, sys, threading, time
def family(address): return socket.AF_INET6 if ':' in address else socket.AF_INET
def attempt(function):
    try: return function()
    except OSError as error: return os.strerror(error.errno) if error.errno else 'timed out'
def tcp(address, port, request=b'x', timeout=5):
    def call():
        with socket.socket(family(address)) as s:
            s.settimeout(timeout); s.connect((address, port)); s.sendall(request); s.shutdown(socket.SHUT_WR)
            data = b''
            while part := s.recv(1 << 16): data += part
            return data.decode()
    return attempt(call)
def udp(address, port, request=b'x', timeout=5, source=0):
    def call():
        with socket.socket(family(address), socket.SOCK_DGRAM) as s:
            s.settimeout(timeout); s.bind(('', source)); s.connect((address, port)); s.send(request)
            return s.recv(1 << 16).decode()
    return attempt(call)
def ping(address, ttl=64, size=8, timeout=5):
    def call():
        six = ':' in address
        with socket.socket(family(address), socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP) as s:
            s.settimeout(timeout)
            if six: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
            else: s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            # IPV6_RECVERR, IP_RECVERR: as ping(8) has it, else only some errors are told.
            s.setsockopt(*((socket.IPPROTO_IPV6, 25) if six else (socket.IPPROTO_IP, 11)), 1)
            s.connect((address, 0)); s.send(struct.pack('!BBHHH', 128 if six else 8, 0, 0, 0, 7) + b'd' * size)
            reply = s.recv(1 << 16)
            kind, _, _, _, sequence = struct.unpack('!BBHHH', reply[:8])
            return f'{kind} {sequence} {len(reply) - 8}'
    return attempt(call)
def serve(*addresses, large=0):
    def tcp_server(s):
        while True:
            c, peer = s.accept()
            while c.recv(1 << 16): pass
            c.sendall(b'tcp from ' + peer[0].encode() + b'.' * large); c.close()
    def udp_server(s):
        while True:
            data, peer = s.recvfrom(1 << 16)
            print('datagram', flush=True)
            s.sendto(b'udp from ' + peer[0].encode() + b' of ' + str(len(data)).encode(), peer)
    for address in addresses:
        for kind, port, run in ((socket.SOCK_STREAM, 7000, tcp_server), (socket.SOCK_DGRAM, 7001, udp_server)):
            s = socket.socket(family(address), kind); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((address, port))
            if kind == socket.SOCK_STREAM: s.listen(64)
            threading.Thread(target=run, args=(s,), daemon=True).start()
    print('ready', flush=True)
    time.sleep(600)
)";

void write_file(const char* path, const std::string& text) {
    const int file = ::open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        ::_exit(1);
    }
    (void)::close(file);
}

int make_tap() {
    const int tap = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    ifreq request{};
    std::strcpy(request.ifr_name, "eth0");
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    return tap >= 0 && ::ioctl(tap, TUNSETIFF, &request) == 0 ? tap : -1;
}

void send_fd(int channel, int fd) {
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)]{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const item = CMSG_FIRSTHDR(&message);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(item), &fd, sizeof fd);
    if (::sendmsg(channel, &message, 0) < 0) {
        ::_exit(1);
    }
}

int receive_fd(int channel) {
    char byte = 0;
    iovec part{&byte, 1};
    int fd = -1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)]{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (::recvmsg(channel, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message) != nullptr) {
        std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    }
    return fd;
}

int open_namespace(const char* kind) {
    return ::open((std::string{"/proc/self/ns/"} + kind).c_str(), O_RDONLY | O_CLOEXEC);
}

/// In a process of its own: makes both namespaces and sends their descriptors and the tap's.
[[noreturn]] void hold(int channel, uid_t uid, gid_t gid) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        ::_exit(1);
    }
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
    write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
    const int user = open_namespace("user");
    const int host = open_namespace("net");
    if (::unshare(CLONE_NEWNET) < 0) {
        ::_exit(1);
    }
    for (const int fd : {user, host, open_namespace("net"), make_tap()}) {
        send_fd(channel, fd);
    }
    ::_exit(0);
}

std::string helper_binary() {
    const std::filesystem::path binary{sandbox_binary()};
    return binary.parent_path().parent_path() / "libexec/sandbox/sandbox-net";
}

} // namespace

NetStage::NetStage(unsigned mtu, bool ping) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        throw std::runtime_error("socketpair");
    }
    const uid_t uid = ::geteuid();
    const gid_t gid = ::getegid();
    holder_ = ::fork();
    if (holder_ == 0) {
        hold(pair[1], uid, gid);
    }
    (void)::close(pair[1]);
    for (int* fd : {&user_, &host_, &guest_, &tap_}) {
        *fd = receive_fd(pair[0]);
    }
    (void)::close(pair[0]);
    (void)::waitpid(holder_, nullptr, 0);
    if (tap_ < 0) {
        missing_ = "no user namespace or no tap can be made";
        return;
    }
    set_up(mtu, ping);
}

NetStage::~NetStage() {
    helper_.reset();
    for (const int fd : fds_) {
        (void)::close(fd);
    }
    for (const int fd : {user_, host_, guest_, tap_, control_}) {
        if (fd >= 0) {
            (void)::close(fd);
        }
    }
}

void NetStage::set_up(unsigned mtu, bool ping) {
    const auto must = [](const RunOptions& where, const std::string& script) {
        const Result result = run({"sh", "-ec", script}, where);
        if (result.status != 0) {
            throw std::runtime_error("stage: " + result.err);
        }
    };
    // The documentation's prefixes (RFC 5737, RFC 3849) are this host's own addresses.
    must(host(),
         "ip link set lo up; ip address add 192.0.2.1/32 dev lo; ip address add 192.0.2.2/32 dev lo\n"
         "ip -6 address add 2001:db8::1/128 dev lo nodad");
    if (ping) {
        // The kernel's own setting allows nobody: "1 0". icmp(7).
        must(host(), "echo 0 0 > /proc/sys/net/ipv4/ping_group_range");
    }
    must(guest(),
         "ip link set lo up; ip link set eth0 mtu " + std::to_string(mtu) +
             " up; ip address add 10.0.2.15/24 dev eth0; ip -6 address add fd00::15/64 dev eth0 nodad\n"
             "ip route add default via 10.0.2.2; ip -6 route add default via fd00::2\n"
             "echo 0 0 > /proc/sys/net/ipv4/ping_group_range");
}

RunOptions NetStage::in(int network) const {
    RunOptions options;
    options.in_child = [user = user_, network] {
        if (::setns(user, CLONE_NEWUSER) < 0 || ::setns(network, CLONE_NEWNET) < 0) {
            ::_exit(123);
        }
    };
    return options;
}

RunOptions NetStage::host() const {
    return in(host_);
}

RunOptions NetStage::guest() const {
    return in(guest_);
}

void NetStage::add_file(const std::string& option, const std::string& path) {
    fds_.push_back(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
    options_.insert(options_.end(), {option, std::to_string(first_fd + static_cast<int>(fds_.size()))});
}

void NetStage::publish_udp(const std::string& address, unsigned host_port, unsigned port) {
    // Made by a process of the host namespace: a socket stays in the namespace that it was made in.
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        throw std::runtime_error("socketpair");
    }
    const pid_t maker = ::fork();
    if (maker == 0) {
        host().in_child();
        const bool is_ipv6 = address.find(':') != std::string::npos;
        const int socket = ::socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in ipv4{};
        ipv4.sin_family = AF_INET;
        ipv4.sin_port = htons(static_cast<std::uint16_t>(host_port));
        sockaddr_in6 ipv6{};
        ipv6.sin6_family = AF_INET6;
        ipv6.sin6_port = ipv4.sin_port;
        (void)::inet_pton(AF_INET, address.c_str(), &ipv4.sin_addr);
        (void)::inet_pton(AF_INET6, address.c_str(), &ipv6.sin6_addr);
        const int bound = is_ipv6 ? ::bind(socket, reinterpret_cast<sockaddr*>(&ipv6), sizeof ipv6)
                                  : ::bind(socket, reinterpret_cast<sockaddr*>(&ipv4), sizeof ipv4);
        if (bound == 0) {
            send_fd(pair[1], socket);
        }
        ::_exit(0);
    }
    (void)::close(pair[1]);
    fds_.push_back(receive_fd(pair[0]));
    (void)::close(pair[0]);
    (void)::waitpid(maker, nullptr, 0);
    options_.insert(options_.end(),
                    {"--publish", "udp:" + std::to_string(first_fd + static_cast<int>(fds_.size())) + ":" +
                                      std::to_string(port)});
}

void NetStage::start(const Arguments& options) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        throw std::runtime_error("socketpair");
    }
    const int control = first_fd + static_cast<int>(fds_.size()) + 1;
    Arguments command{helper_binary(), "--tap-fd", std::to_string(first_fd), "--control-fd",
                      std::to_string(control)};
    command.insert(command.end(), options_.begin(), options_.end());
    command.insert(command.end(), options.begin(), options.end());
    RunOptions where = host();
    where.in_child = [this, control, theirs = pair[1], enter = where.in_child] {
        enter();
        // It wants a session of its own, which the leader of a process group cannot make: setsid(2). The
        // parent makes it one at about the same time, so once may not do.
        while (::setsid() < 0 && ::getsid(0) != ::getpid()) {
            (void)::setpgid(0, ::getpgid(::getppid()));
        }
        (void)::dup2(tap_, first_fd);
        for (std::size_t i = 0; i < fds_.size(); ++i) {
            (void)::dup2(fds_[i], first_fd + 1 + static_cast<int>(i));
        }
        (void)::dup2(theirs, control);
    };
    helper_ = std::make_unique<Process>(command, where);
    (void)::close(pair[1]);
    control_ = pair[0];
    if (!says("ready")) {
        const Result result = end();
        throw std::runtime_error("sandbox-net: " + result.out + result.err);
    }
}

bool NetStage::listen(milliseconds timeout) {
    pollfd ready{control_, POLLIN, 0};
    char text[16384];
    if (::poll(&ready, 1, static_cast<int>(timeout.count())) <= 0) {
        return false;
    }
    const ssize_t got = ::recv(control_, text, sizeof text, MSG_DONTWAIT);
    if (got > 0) {
        said_.emplace_back(text, static_cast<std::size_t>(got));
    }
    return got > 0;
}

bool NetStage::says(const std::string& text) {
    std::size_t seen = 0;
    do {
        for (; seen < said_.size(); ++seen) {
            if (contains(said_[seen], text)) {
                return true;
            }
        }
    } while (listen(seconds{20}));
    return false;
}

Result NetStage::end() {
    (void)::send(control_, "end", 3, MSG_NOSIGNAL);
    while (listen(seconds{20})) {
    }
    Result result = helper_->wait();
    for (const std::string& message : said_) {
        result.out += message + "\n";
    }
    return result;
}

std::string NetStage::host_python(const std::string& program) const {
    const Result result = run({"python3", "-c", prelude + program}, host());
    return result.out + result.err;
}

std::string NetStage::guest_python(const std::string& program) const {
    const Result result = run({"python3", "-c", prelude + program}, guest());
    return result.out + result.err;
}

std::unique_ptr<Process> NetStage::serve(const std::string& call) const {
    const bool is_inside = call.starts_with("guest:");
    auto server = std::make_unique<Process>(
        Arguments{"python3", "-c", prelude + call.substr(is_inside ? 6 : 0)}, is_inside ? guest() : host());
    if (!server->wait_for_output("ready")) {
        throw std::runtime_error("server: " + server->wait().err);
    }
    return server;
}

} // namespace sandbox::test
