// SPDX-License-Identifier: Apache-2.0
// Point 6: outgoing TCP, UDP and DNS out of the box; none; the host's.
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "network.hpp"

using namespace sandbox::test;

namespace {

class Network : public NetworkTest {};

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

TEST_F(Network, DebiansPackageManagerInstallsAPackage) {
    REQUIRE_IMAGE(image, "debian.tar");
    // The first source, in either of apt's formats.
    const Result index =
        sandbox({"run", "--network", "none", image, "sh", "-c",
                 "cd /etc/apt; . /etc/os-release; cat sources.list sources.list.d/* 2>/dev/null |"
                 "sed -n 's,^deb .*\\(https*://[^ ]*\\).*,\\1,p; s,^URIs: *\\([^ ]*\\).*,\\1,p' |"
                 "sed \"s,/*$,/dists/$VERSION_CODENAME/InRelease,; q\""});
    if (run({"curl", "-fsL", "-m", "8", "-o", "/dev/null", trimmed(index.out)}).status != 0) {
        GTEST_SKIP() << "the image's mirror cannot be reached from this host";
    }
    RunOptions options;
    options.timeout = seconds{100};
    const Result result =
        sandbox({"run", image, "sh", "-c",
                 "apt-get -qq update && apt-get -qq -y --no-install-recommends install hello && hello"},
                options);
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    EXPECT_TRUE(result.out.ends_with("Hello, world!\n")) << result.out;
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

TEST_F(Network, AHelperThatDiesTakesTheNetworkAwayAndNothingElse) {
    Process process{
        sandbox_command({"run", busybox(), "sh", "-c", "nc 10.0.2.2 9; echo up; cat; echo alive"}),
        with_store({.keep_stdin_open = true})};
    ASSERT_TRUE(process.wait_for_output("up"));
    const pid_t helper = find_descendant("sandbox-net");
    ASSERT_GT(helper, 1);
    ASSERT_EQ(::kill(helper, SIGKILL), 0);
    ASSERT_TRUE(process.wait_for_error("sandbox-net has ended"));
    process.close_stdin();
    const Result result = process.wait();
    EXPECT_EQ(result.status, 0);
    EXPECT_TRUE(result.out.ends_with("alive\n")) << result.out;
    const auto first = result.err.find("no network any more");
    EXPECT_NE(first, std::string::npos) << result.err;
    EXPECT_EQ(result.err.find("no network any more", first + 1), std::string::npos) << "said twice";
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

TEST_F(Network, Ipv6HasAnAddressAndARoute) {
    const Result result =
        script("ip -6 addr show eth0 | grep -c 'fd00::15/64'; ip -6 route | grep -c '^default via fd00::2'");
    EXPECT_EQ(result.out, "1\n1\n") << result.err;
}

TEST_F(Network, TcpOverIpv6ReachesTheOutside) {
    REQUIRE_PROGRAM("python3");
    const Result result = in_world(R"(
        serve tcp 2001:db8::1 8080 'hello over tcp6'
        "$sandbox" run --userns single "$busybox" sh -c 'mkfifo /tmp/held; exec 9<>/tmp/held; nc 2001:db8::1 8080 <&9'
    )");
    EXPECT_EQ(result.out, "hello over tcp6\n") << result.err;
}

TEST_F(Network, UdpOverIpv6ReachesTheOutside) {
    REQUIRE_PROGRAM("python3");
    const Result result = in_world(R"(
        serve udp 2001:db8::1 5353 'hello over udp6'
        "$sandbox" run --userns single host python3 -c '
import socket
client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
client.settimeout(5)
client.sendto(b"hi", ("2001:db8::1", 5353))
print(client.recv(100).decode(), end="")'
    )");
    EXPECT_EQ(result.out, "hello over udp6\n") << result.err;
}

TEST_F(Network, ARefusedPortIsRefusedAtOnce) {
    const std::string address = outer_address();
    if (address.empty()) {
        GTEST_SKIP() << "this host has no address but its loopback";
    }
    const std::string port = std::to_string(free_port(SOCK_STREAM, address));
    const auto start = std::chrono::steady_clock::now();
    const Result result = script("nc " + address + " " + port + " </dev/null");
    EXPECT_TRUE(contains(result.err, "refused")) << result.err;
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds{5});
}

// Each has a network of its own.
TEST_F(Network, TwoSandboxesMayListenOnTheSamePort) {
    const Arguments command =
        sandbox_command({"run", busybox(), "sh", "-c",
                         "httpd -p 80 -h / && until netstat -ltn | grep -q ':80 '; do sleep "
                         "0.02; done; echo up; cat"});
    Process first{command, with_store({.keep_stdin_open = true})};
    Process second{command, with_store({.keep_stdin_open = true})};
    EXPECT_TRUE(first.wait_for_output("up"));
    EXPECT_TRUE(second.wait_for_output("up"));
    first.close_stdin();
    second.close_stdin();
    EXPECT_EQ(first.wait().status, 0);
    EXPECT_EQ(second.wait().status, 0);
}

// Root inside can make any frame: none may reach a service of the host's loopback.
TEST_F(Network, CraftedFramesDoNotReachTheHostsLoopback) {
    REQUIRE_PROGRAM("python3");
    const Server tcp{SOCK_STREAM, "127.0.0.1", "secret\n"};
    const Server udp{SOCK_DGRAM, "127.0.0.1", "secret\n"};
    Arguments arguments{"run", "--nested", "--userns", "single", "host", "python3", "-c", frame_program};
    for (const char* destination :
         {"127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.2.2", "::1", "::", "::ffff:127.0.0.1", "::127.0.0.1",
          "fd00::2", "64:ff9b::127.0.0.1", "2002:7f00:1::1"}) {
        for (const Server* server : {&tcp, &udp}) {
            arguments.insert(arguments.end(), {destination, server->port()});
        }
    }
    const Result result = sandbox(arguments);
    EXPECT_EQ(result.out, "sent\n") << result.err;
    EXPECT_FALSE(tcp.was_asked());
    EXPECT_FALSE(udp.was_asked());
}
