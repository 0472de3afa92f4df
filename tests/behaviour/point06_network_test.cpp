// SPDX-License-Identifier: Apache-2.0
// Point 6: outgoing TCP, UDP and DNS out of the box; none; the host's.
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "harness.hpp"

using namespace sandbox::test;

namespace {

/// An address of this host that is not its loopback, or "".
std::string outer_address() {
    ifaddrs* list = nullptr;
    std::string found;
    if (::getifaddrs(&list) < 0) {
        return found;
    }
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr != nullptr && entry->ifa_addr->sa_family == AF_INET &&
            (entry->ifa_flags & IFF_LOOPBACK) == 0) {
            char text[INET_ADDRSTRLEN];
            const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
            found = ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
        }
    }
    ::freeifaddrs(list);
    return found;
}

/// Answers each connection, or datagram, with what it was told to.
class Server {
  public:
    Server(int type, const std::string& address, std::string answer)
        : type_(type), answer_(std::move(answer)) {
        fd_ = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
        sockaddr_in name{};
        name.sin_family = AF_INET;
        (void)::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
        socklen_t size = sizeof name;
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&name), size) < 0 ||
            (type == SOCK_STREAM && ::listen(fd_, 8) < 0) ||
            ::getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size) < 0) {
            throw std::runtime_error("cannot listen on " + address);
        }
        port_ = ntohs(name.sin_port);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~Server() {
        stopping_ = true;
        ::shutdown(fd_, SHUT_RDWR);
        if (type_ == SOCK_DGRAM) {
            sockaddr_in name{};
            socklen_t size = sizeof name;
            (void)::getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size);
            (void)::sendto(fd_, "", 0, 0, reinterpret_cast<sockaddr*>(&name), size);
        }
        thread_.join();
        ::close(fd_);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    [[nodiscard]] std::string port() const { return std::to_string(port_); }
    [[nodiscard]] bool was_asked() const { return asked_; }

  private:
    void serve() {
        while (!stopping_) {
            char buffer[2048];
            sockaddr_storage peer{};
            socklen_t size = sizeof peer;
            if (type_ == SOCK_DGRAM) {
                const ssize_t got =
                    ::recvfrom(fd_, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&peer), &size);
                if (got > 0) {
                    asked_ = true;
                    (void)::sendto(fd_, answer_.data(), answer_.size(), 0, reinterpret_cast<sockaddr*>(&peer),
                                   size);
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
            (void)::recv(connection, buffer, sizeof buffer, 0);
            (void)::send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL);
            ::close(connection);
        }
    }

    int type_;
    std::string answer_;
    int fd_ = -1;
    unsigned port_ = 0;
    std::atomic<bool> stopping_ = false, asked_ = false;
    std::thread thread_;
};

class Network : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        if (!IsSkipped() && ::access("/dev/net/tun", R_OK | W_OK) < 0) {
            GTEST_SKIP() << "/dev/net/tun is not usable";
        }
    }
};

const char* const page = "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nthe page\n";

} // namespace

TEST_F(Network, HasAnAddressAndARouteByDefault) {
    const Result result =
        script("ip -4 addr | grep -c 10.0.2.15; ip route | grep -c '^default via 10.0.2.2'");
    EXPECT_EQ(result.out, "1\n1\n") << result.err;
}

TEST_F(Network, LoopbackIsUp) {
    EXPECT_EQ(script("(echo answer | nc -l -p 7777 &) ; sleep 0.2; nc 127.0.0.1 7777").out, "answer\n");
}

TEST_F(Network, TcpReachesTheOutside) {
    const std::string address = outer_address();
    if (address.empty()) {
        GTEST_SKIP() << "this host has no address but its loopback";
    }
    const Server server{SOCK_STREAM, address, "hello over tcp\n"};
    const Result result = script("echo hi | nc " + address + " " + server.port());
    EXPECT_EQ(result.out, "hello over tcp\n") << result.err;
}

TEST_F(Network, WgetFetchesAPage) {
    const std::string address = outer_address();
    if (address.empty()) {
        GTEST_SKIP() << "this host has no address but its loopback";
    }
    const Server server{SOCK_STREAM, address, page};
    const Result result = script("wget -q -O - http://" + address + ":" + server.port() + "/");
    EXPECT_EQ(result.out, "the page\n") << result.err;
}

TEST_F(Network, UdpReachesTheOutside) {
    const std::string address = outer_address();
    if (address.empty()) {
        GTEST_SKIP() << "this host has no address but its loopback";
    }
    // The whole of a short file, as tftp's first and last block. RFC 1350.
    const Server server{SOCK_DGRAM, address, std::string{"\0\3\0\1", 4} + "hello over udp\n"};
    const Result result =
        script("cd /tmp && timeout 5 tftp -g -r f " + address + " " + server.port() + " && cat f");
    EXPECT_EQ(result.out, "hello over udp\n") << result.err;
}

TEST_F(Network, NamesAreResolved) {
    const char* const name = "deb.debian.org";
    addrinfo* found = nullptr;
    if (::getaddrinfo(name, nullptr, nullptr, &found) != 0) {
        GTEST_SKIP() << "this host cannot resolve " << name << " itself";
    }
    ::freeaddrinfo(found);
    const Result result = script(std::string{"nslookup "} + name + " | grep -c ^Address");
    EXPECT_EQ(result.status, 0) << result.out << result.err;
}

TEST_F(Network, AlpinesPackageManagerWorks) {
    REQUIRE_IMAGE(image, "alpine-minirootfs-3.20.3-x86_64.tar");
    if (run({"sh", "-c",
             "curl -fsI -m 8 https://dl-cdn.alpinelinux.org/alpine/v3.20/main/x86_64/APKINDEX.tar.gz"})
            .status != 0) {
        GTEST_SKIP() << "dl-cdn.alpinelinux.org cannot be reached from this host";
    }
    RunOptions options;
    options.timeout = seconds{100};
    const Result result = sandbox({"run", image, "apk", "add", "--no-cache", "tree"}, options);
    EXPECT_EQ(result.status, 0) << result.out << result.err;
}

TEST_F(Network, TheHostsLoopbackIsOutOfReach) {
    const Server server{SOCK_STREAM, "127.0.0.1", "secret\n"};
    for (const char* address : {"10.0.2.2", "127.0.0.1", "0.0.0.0"}) {
        const Result result =
            script(std::string{"echo hi | timeout 2 nc -w 1 "} + address + " " + server.port());
        EXPECT_EQ(result.out, "") << address;
    }
    EXPECT_FALSE(server.was_asked());
}

TEST_F(Network, NoneHasOnlyALoopback) {
    const Result result =
        script("ls /sys/class/net; cat /etc/resolv.conf; ip -4 addr show lo | grep -c 127.0.0.1",
               {"--network", "none"});
    EXPECT_EQ(result.out, "lo\n1\n") << result.err;
}

TEST_F(Network, NoneStartsNoHelper) {
    Process process{sandbox_command({"run", "--network", "none", busybox(), "sh", "-c", "echo up; cat"}),
                    with_store({.keep_stdin_open = true})};
    ASSERT_TRUE(process.wait_for_output("up"));
    EXPECT_EQ(find_descendant("sandbox-net"), -1);
    process.close_stdin();
    EXPECT_EQ(process.wait().status, 0);
}

TEST_F(Network, TheHelperIsConfined) {
    Process process{
        sandbox_command({"run", busybox(), "sh", "-c", "(timeout 9 nc -w 9 192.0.2.1 9 &) ; echo up; cat"}),
        with_store({.keep_stdin_open = true})};
    ASSERT_TRUE(process.wait_for_output("up"));
    std::string status;
    EXPECT_TRUE(eventually([&] {
        status = read_text("/proc/" + std::to_string(find_descendant("sandbox-net")) + "/status");
        return contains(status, "Seccomp:\t2") && contains(status, "CapEff:\t0000000000000000") &&
               contains(status, "NoNewPrivs:\t1");
    })) << status;
    process.close_stdin();
    EXPECT_EQ(process.wait().status, 0);
}

TEST_F(Network, HostSharesTheHostsNetwork) {
    const Result result = script("readlink /proc/self/ns/net; cat /etc/resolv.conf", {"--network", "host"});
    EXPECT_EQ(result.out, std::filesystem::read_symlink("/proc/self/ns/net").string() + "\n" +
                              read_text("/etc/resolv.conf"))
        << result.err;
}

TEST_F(Network, HostReachesTheHostsLoopback) {
    const Server server{SOCK_STREAM, "127.0.0.1", "local service\n"};
    EXPECT_EQ(script("echo hi | nc 127.0.0.1 " + server.port(), {"--network", "host"}).out,
              "local service\n");
}

TEST_F(Network, AbstractSocketsOfTheHostAreOutOfReach) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const std::string name = "sandbox-test-" + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(&address.sun_path[1], sizeof address.sun_path - 2);
    ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())),
              0);
    ASSERT_EQ(::listen(listener, 1), 0);
    EXPECT_EQ(script("grep -c '@" + name + "' /proc/net/unix").out, "0\n");
    EXPECT_EQ(script("grep -c '@" + name + "' /proc/net/unix", {"--network", "host"}).out, "1\n")
        << "the test's own socket is not seen where it should be";
    ::close(listener);
}

TEST_F(Network, TheHostsHostNamesAreNotTaken) {
    EXPECT_FALSE(contains(script("cat /etc/hosts").out, trimmed(run({"hostname"}).out)));
}

TEST_F(Network, RootAndUsersInsideMayPing) {
    REQUIRE_IMAGE(image, "alpine-minirootfs-3.20.3-x86_64.tar"); // whose ping needs no raw socket
    for (const char* user : {"0", "1000"}) {
        const Result result = sandbox({"run", "-u", user, image, "ping", "-c", "1", "-W", "2", "127.0.0.1"});
        EXPECT_EQ(result.status, 0) << user << ": " << result.out << result.err;
    }
}

TEST_F(Network, UsersInsideMayOpenPingSockets) {
    EXPECT_EQ(script("cat /proc/sys/net/ipv4/ping_group_range", {"--network", "none"}).out, "0\t65536\n");
}
