// SPDX-License-Identifier: Apache-2.0
// Servers, clients, and the programs that run inside.
#include "network.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sandbox::test {

namespace {

struct SocketName {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_storage);

    SocketName() = default;
    SocketName(const std::string& address, unsigned port) {
        if (address.find(':') == std::string::npos) {
            auto* name = reinterpret_cast<sockaddr_in*>(&storage);
            name->sin_family = AF_INET;
            name->sin_port = htons(static_cast<std::uint16_t>(port));
            (void)::inet_pton(AF_INET, address.c_str(), &name->sin_addr);
            size = sizeof *name;
        } else {
            auto* name = reinterpret_cast<sockaddr_in6*>(&storage);
            name->sin6_family = AF_INET6;
            name->sin6_port = htons(static_cast<std::uint16_t>(port));
            (void)::inet_pton(AF_INET6, address.c_str(), &name->sin6_addr);
            size = sizeof *name;
        }
    }
    [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    [[nodiscard]] unsigned port() const {
        // The two versions have it in the same place.
        return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
    }
};

/// A socket bound to an address; its port is the kernel's choice. -1 and errno where that fails.
int bound_socket(int type, const std::string& address, unsigned& port) {
    SocketName name{address, 0};
    const int fd = ::socket(name.get()->sa_family, type | SOCK_CLOEXEC, 0);
    if (::bind(fd, name.get(), name.size) < 0 || ::getsockname(fd, name.get(), &name.size) < 0) {
        ::close(fd);
        return -1;
    }
    port = name.port();
    return fd;
}

bool is_reachable_from_inside(const sockaddr* address) {
    if (address->sa_family == AF_INET) {
        const auto number = ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
        return number >> 16 != 0xa9fe && number >> 8 != 0x0a0002;
    }
    const auto& bytes = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr.s6_addr;
    constexpr std::uint8_t inner_prefix[8] = {0xfd};
    return !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) && std::memcmp(bytes, inner_prefix, 8) != 0;
}

constexpr const char* world_program = R"(
ip link set lo up
for address in 198.51.100.1/32 198.51.100.2/32 198.51.100.53/32 203.0.113.1/32; do ip addr add $address dev lo; done
for address in 2001:db8::1/128 2001:db8:1::1/128; do ip addr add $address dev lo nodad; done
serve() {
    python3 -c '
import socket, sys
kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
server = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET, kind)
server.bind((sys.argv[2], int(sys.argv[3])))
text = sys.argv[4].encode() + b"\n"
if kind == socket.SOCK_STREAM: server.listen(64)
open("%s/%s-%s-%s" % (sys.argv[5], *sys.argv[1:4]), "w").close()
while True:
    if kind == socket.SOCK_STREAM:
        connection, peer = server.accept()
        connection.sendall(text)
        connection.close()
    else:
        data, peer = server.recvfrom(65536)
        server.sendto(text, peer)
' "$@" "$scratch" &
    servers="$servers $!"
    until [ -e "$scratch/$1-$2-$3" ]; do sleep 0.02; done
}
servers=
trap 'kill $servers 2>/dev/null; wait' EXIT
)";

} // namespace

std::string outer_address(int family) {
    ifaddrs* list = nullptr;
    std::string found;
    if (::getifaddrs(&list) < 0) {
        return found;
    }
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr != nullptr && entry->ifa_addr->sa_family == family &&
            (entry->ifa_flags & IFF_LOOPBACK) == 0 && is_reachable_from_inside(entry->ifa_addr)) {
            char text[INET6_ADDRSTRLEN];
            const void* address = family == AF_INET
                                      ? static_cast<const void*>(
                                            &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr)
                                      : &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
            found = ::inet_ntop(family, address, text, sizeof text);
        }
    }
    ::freeifaddrs(list);
    return found;
}

Server::Server(int type, const std::string& address, std::string answer)
    : type_(type), answer_(std::move(answer)) {
    fd_ = bound_socket(type, address, port_);
    if (fd_ < 0 || (type == SOCK_STREAM && ::listen(fd_, 64) < 0)) {
        throw std::runtime_error("cannot listen on " + address);
    }
    thread_ = std::thread{[this] { serve(); }};
}

Server::~Server() {
    stopping_ = true;
    ::shutdown(fd_, SHUT_RDWR);
    if (type_ == SOCK_DGRAM) {
        SocketName name;
        (void)::getsockname(fd_, name.get(), &name.size);
        (void)::sendto(fd_, "", 0, 0, name.get(), name.size);
    }
    thread_.join();
    ::close(fd_);
}

void Server::serve() {
    while (!stopping_) {
        char buffer[2048];
        SocketName peer;
        if (type_ == SOCK_DGRAM) {
            const ssize_t got = ::recvfrom(fd_, buffer, sizeof buffer, 0, peer.get(), &peer.size);
            if (got > 0) {
                asked_ = true;
                (void)::sendto(fd_, answer_.data(), answer_.size(), 0, peer.get(), peer.size);
            } else if (got < 0) {
                return;
            }
            continue;
        }
        const int connection = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) {
            return;
        }
        asked_ = true;
        const timeval limit{2, 0}; // one that says nothing gets its answer too
        (void)::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        (void)::recv(connection, buffer, sizeof buffer, 0);
        (void)::send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL);
        ::close(connection);
    }
}

Reply ask(int type, const std::string& address, unsigned port, const std::string& text,
          const std::string& from) {
    SocketName name{address, port};
    SocketName own{from, 0};
    const int fd = ::socket(name.get()->sa_family, type | SOCK_CLOEXEC, 0);
    const timeval limit{5, 0};
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    Reply reply;
    char buffer[65536];
    if ((!from.empty() && ::bind(fd, own.get(), own.size) < 0) || ::connect(fd, name.get(), name.size) < 0 ||
        ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) {
        reply.error = errno;
    } else {
        if (type == SOCK_STREAM) {
            (void)::shutdown(fd, SHUT_WR);
        }
        ssize_t got = 0;
        while ((got = ::recv(fd, buffer, sizeof buffer, 0)) > 0) {
            reply.text.append(buffer, static_cast<std::size_t>(got));
            if (type == SOCK_DGRAM) {
                break;
            }
        }
        reply.error = got < 0 ? errno : 0;
    }
    ::close(fd);
    return reply;
}

unsigned free_port(int type, const std::string& address) {
    unsigned port = 0;
    ::close(bound_socket(type, address, port));
    return port;
}

const char* const service_program = R"(
import ipaddress, socket, sys, threading

def name_of(peer):
    address = ipaddress.ip_address(peer[0].split("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address).encode()

def answer(connection, peer):
    text = b""
    while True:
        part = connection.recv(65536)
        if not part:
            break
        text += part
    connection.sendall(name_of(peer) + b" " + text + b"\n")
    connection.close()

def stream(server):
    while True:
        threading.Thread(target=answer, args=server.accept(), daemon=True).start()

def datagrams(server):
    while True:
        text, peer = server.recvfrom(65536)
        server.sendto(name_of(peer) + b" " + text + b"\n", peer)

for kind, port in (word.split(":") for word in sys.argv[1:]):
    server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", int(port)))
    if kind == "tcp":
        server.listen(512)
    threading.Thread(target=stream if kind == "tcp" else datagrams, args=(server,), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
)";

const char* const frame_program = R"(
import ipaddress, socket, struct, sys, time

def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff

def transport(protocol, pseudo, port):
    if protocol == 6:
        head = struct.pack(">HHIIBBHHH", 40000, port, 1, 0, 0x50, 2, 64240, 0, 0)
        at = 16
    else:
        head = struct.pack(">HHHH", 40000, port, 12, 0) + b"data"
        at = 6
    right = checksum(pseudo + struct.pack(">II", len(head), protocol) + head)
    return head[:at] + struct.pack(">H", right) + head[at + 2:]

def frame(protocol, destination, port):
    to = ipaddress.ip_address(destination)
    source = ipaddress.ip_address("10.0.2.15" if to.version == 4 else "fd00::15")
    payload = transport(protocol, source.packed + to.packed, port)
    if to.version == 4:
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, protocol, 0) + source.packed + to.packed
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    else:
        ip = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + source.packed + to.packed
    mac = open("/sys/class/net/eth0/address").read().strip().replace(":", "")
    return bytes.fromhex("52550a000202" + mac) + struct.pack(">H", 0x0800 if to.version == 4 else 0x86dd) + ip + payload

raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
for destination, port in zip(sys.argv[1::2], sys.argv[2::2]):
    for protocol in (6, 17):
        raw.send(frame(protocol, destination, int(port)))
time.sleep(0.5)
print("sent")
)";

const char* const name_server_program = R"(
import socket, sys

def name_in(question):
    labels, at = [], 0
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels), question[:at + 5], question[at + 1:at + 3] == b"\0\1"

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
log = open(sys.argv[2], "a")
print("listening", file=log, flush=True)
while True:
    query, peer = server.recvfrom(4096)
    name, question, is_address = name_in(query[12:])
    print(name, file=log, flush=True)
    known = name.lower() in ("good.example", "www.good.example")
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([198, 51, 100, 1]) if known and is_address else b""
    flags = b"\x81\x80" if known else b"\x81\x83"
    server.sendto(query[:2] + flags + b"\0\1" + (b"\0\1" if record else b"\0\0") + b"\0\0\0\0" + question + record, peer)
)";

void NetworkTest::SetUp() {
    SandboxTest::SetUp();
    if (!IsSkipped() && ::access("/dev/net/tun", R_OK | W_OK) < 0) {
        GTEST_SKIP() << "/dev/net/tun is not usable";
    }
}

Result NetworkTest::in_world(const std::string& script, RunOptions options) {
    options.environment.insert(options.environment.end(), {{"sandbox", sandbox_binary()},
                                                           {"busybox", busybox()},
                                                           {"scratch", scratch().string()},
                                                           {"name_server_program", name_server_program},
                                                           {"service_program", service_program},
                                                           {"frame_program", frame_program}});
    return run({"unshare", "--user", "--map-root-user", "--net", "sh", "-c", world_program + script},
               with_store(std::move(options)));
}

} // namespace sandbox::test
