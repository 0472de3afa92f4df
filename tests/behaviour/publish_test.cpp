// SPDX-License-Identifier: Apache-2.0
// Published ports: who gets in, whom the service sees, and what is told when a port cannot be had.
#include <algorithm>
#include <cerrno>

#include "image_archive.hpp"
#include "network.hpp"

using namespace sandbox::test;

namespace {

class Publish : public NetworkTest {
  protected:
    void SetUp() override {
        NetworkTest::SetUp();
        if (!IsSkipped() && !has_program("python3")) {
            GTEST_SKIP() << "the program python3 is not installed";
        }
    }

    /// A sandbox with the options, in which the services ("tcp:80") listen. It ends with its stdin.
    std::unique_ptr<Process> serve(const Arguments& options, const Arguments& services) {
        Arguments arguments{"run", "--userns", "single"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {"host", "python3", "-c", service_program});
        arguments.insert(arguments.end(), services.begin(), services.end());
        auto process =
            std::make_unique<Process>(sandbox_command(arguments), with_store({.keep_stdin_open = true}));
        EXPECT_TRUE(process->wait_for_output("ready")) << process->err();
        return process;
    }
};

/// The ports of the lines "sandbox: published ADDRESS:PORT -> TARGET".
std::vector<unsigned> told_ports(Process& process, const std::string& address, const std::string& target) {
    EXPECT_TRUE(process.wait_for_error(" -> " + target));
    std::vector<unsigned> ports;
    for (const std::string& line : lines_of(process.err())) {
        const std::string begin = "sandbox: published " + address + ":";
        const std::string end = " -> " + target;
        if (line.starts_with(begin) && line.ends_with(end)) {
            ports.push_back(static_cast<unsigned>(std::stoul(line.substr(begin.size()))));
        }
    }
    return ports;
}

/// The one that was chosen, or 0.
unsigned told_port(Process& process, const std::string& address, const std::string& target) {
    const auto ports = told_ports(process, address, target);
    EXPECT_EQ(ports.size(), 1U) << process.err();
    return ports.empty() ? 0 : ports.front();
}

std::string first_word(const std::string& text) {
    return text.substr(0, text.find(' '));
}

} // namespace

TEST_F(Publish, TcpLeadsToTheServiceInside) {
    const unsigned port = free_port(SOCK_STREAM, "127.0.0.1");
    const auto service = serve({"-p", std::to_string(port) + ":80"}, {"tcp:80"});
    EXPECT_TRUE(ask(SOCK_STREAM, "127.0.0.1", port, "over tcp").text.ends_with(" over tcp\n"));
}

TEST_F(Publish, UdpLeadsToTheServiceInside) {
    const unsigned port = free_port(SOCK_DGRAM, "127.0.0.1");
    const auto service = serve({"-p", std::to_string(port) + ":53/udp"}, {"udp:53"});
    for (const char* text : {"one", "two"}) {
        EXPECT_TRUE(ask(SOCK_DGRAM, "127.0.0.1", port, text).text.ends_with(std::string{" "} + text + "\n"));
    }
}

TEST_F(Publish, Ipv6LeadsToTheServiceInside) {
    const auto service = serve({"-p", "[::1]::80", "-p", "[::1]::53/udp"}, {"tcp:80", "udp:53"});
    const unsigned tcp = told_port(*service, "[::1]", "80/tcp");
    const unsigned udp = told_port(*service, "[::1]", "53/udp");
    EXPECT_TRUE(ask(SOCK_STREAM, "::1", tcp, "over tcp").text.ends_with(" over tcp\n"));
    EXPECT_TRUE(ask(SOCK_DGRAM, "::1", udp, "over udp").text.ends_with(" over udp\n"));
}

TEST_F(Publish, AMegabyteComesBackWhole) {
    const auto service = serve({"-p", "0:80"}, {"tcp:80"});
    const std::string text(1 << 20, 'x');
    const Reply reply = ask(SOCK_STREAM, "127.0.0.1", told_port(*service, "127.0.0.1", "80/tcp"), text);
    EXPECT_EQ(reply.error, 0);
    EXPECT_EQ(std::count(reply.text.begin(), reply.text.end(), 'x'), 1 << 20);
}

TEST_F(Publish, APortThatTheKernelChoosesIsTold) {
    const auto service = serve({"-p", "0:80", "-p", "127.0.0.1::53/udp"}, {"tcp:80", "udp:53"});
    const unsigned tcp = told_port(*service, "127.0.0.1", "80/tcp");
    const unsigned udp = told_port(*service, "127.0.0.1", "53/udp");
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", tcp, "x").error, 0);
    EXPECT_EQ(ask(SOCK_DGRAM, "127.0.0.1", udp, "x").error, 0);
    EXPECT_FALSE(contains(service->out(), "published"));
}

TEST_F(Publish, AllPortsThatAnImageExposesAreToldAndLeadInside) {
    const std::string image = scratch() / "exposing.tar";
    const std::string config =
        R"({"ExposedPorts":{"80/tcp":{},"9/sctp":{},"0.0.0.0:7:7/tcp":{}},"Cmd":["sh","-c","echo ready; nc -l -p 80 -e echo inside"]})";
    write_text(image, tar_of(docker_archive({{base_layer()}, {}, config})));
    Process service{sandbox_command({"run", "-P", image}), with_store({.keep_stdin_open = true})};
    ASSERT_TRUE(service.wait_for_output("ready")) << service.err();
    const unsigned port = told_port(service, "127.0.0.1", "80/tcp");
    EXPECT_TRUE(eventually([&] { return ask(SOCK_STREAM, "127.0.0.1", port, "x").text == "inside\n"; }));
    service.close_stdin();
    const Result result = service.wait();
    EXPECT_TRUE(contains(result.err, "--publish-all 9/sctp: ")) << result.err;
    EXPECT_TRUE(contains(result.err, "--publish-all 0.0.0.0:7:7/tcp: not a port of the image's"))
        << result.err;
    EXPECT_FALSE(contains(result.err, "published 0.0.0.0")) << result.err;
    const Result none = sandbox({"run", "-P", busybox(), "true"});
    EXPECT_EQ(none.status, 0);
    EXPECT_TRUE(contains(none.err, "the image exposes no ports")) << none.err;
    expect_failure(sandbox({"run", "-P", "--network", "none", busybox(), "true"}), 125, "--publish-all");
}

TEST_F(Publish, ARangeLeadsPortByPort) {
    const auto service = serve({"-p", "0:80-82"}, {"tcp:80", "tcp:82"});
    for (const char* target : {"80/tcp", "82/tcp"}) {
        EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", told_port(*service, "127.0.0.1", target), "x").error, 0)
            << target;
    }
}

TEST_F(Publish, ARangeOutsideBeginsWhereItIsSaid) {
    const unsigned first =
        free_port(SOCK_DGRAM, "127.0.0.1") & ~1U; // the next may be taken: that would be told
    const std::string range = std::to_string(first) + "-" + std::to_string(first + 1);
    const auto service = serve({"-p", range + ":5000-5001/udp"}, {"udp:5000", "udp:5001"});
    EXPECT_EQ(ask(SOCK_DGRAM, "127.0.0.1", first, "x").error, 0);
    EXPECT_EQ(ask(SOCK_DGRAM, "127.0.0.1", first + 1, "x").error, 0);
}

TEST_F(Publish, TheServiceSeesWhoReallyCalled) {
    const std::string address = outer_address();
    if (address.empty()) {
        GTEST_SKIP() << "this host has no address but its loopback";
    }
    const auto service = serve({"-p", "0.0.0.0::80", "-p", "0.0.0.0::53/udp"}, {"tcp:80", "udp:53"});
    const unsigned tcp = told_port(*service, "0.0.0.0", "80/tcp");
    const unsigned udp = told_port(*service, "0.0.0.0", "53/udp");
    EXPECT_EQ(first_word(ask(SOCK_STREAM, address, tcp, "x", address).text), address);
    EXPECT_EQ(first_word(ask(SOCK_DGRAM, address, udp, "x", address).text), address);
}

TEST_F(Publish, TheServiceSeesWhoReallyCalledOverIpv6) {
    const Result result = in_world(R"(
        mkfifo "$scratch/held"; exec 9<>"$scratch/held"
        "$sandbox" run --userns single -p '[::]:8080:80' host python3 -c "$service_program" tcp:80 \
            <&9 >"$scratch/out" & servers=$!
        until grep -q ready "$scratch/out"; do sleep 0.05; done
        python3 -c '
import socket
client = socket.create_connection(("2001:db8::1", 8080), 5, ("2001:db8:1::1", 0))
client.sendall(b"x")
client.shutdown(socket.SHUT_WR)
print(client.recv(100).decode(), end="")'
    )");
    EXPECT_EQ(result.out, "2001:db8:1::1 x\n") << result.err;
}

// Many services trust 127.0.0.1, and nobody from outside may look like it: CVE-2021-20199.
TEST_F(Publish, CallersFromTheLoopbackAreSeenAsTheGateway) {
    const auto service =
        serve({"-p", "0:80", "-p", "0:53/udp", "-p", "[::1]::81"}, {"tcp:80", "udp:53", "tcp:81"});
    EXPECT_EQ(first_word(ask(SOCK_STREAM, "127.0.0.1", told_port(*service, "127.0.0.1", "80/tcp"), "x").text),
              "10.0.2.2");
    EXPECT_EQ(first_word(ask(SOCK_DGRAM, "127.0.0.1", told_port(*service, "127.0.0.1", "53/udp"), "x").text),
              "10.0.2.2");
    EXPECT_EQ(first_word(ask(SOCK_STREAM, "::1", told_port(*service, "[::1]", "81/tcp"), "x").text),
              "fd00::2");
}

TEST_F(Publish, OnlyTheAddressThatIsNamedListens) {
    const std::string address = outer_address();
    if (address.empty()) {
        GTEST_SKIP() << "this host has no address but its loopback";
    }
    const auto service = serve({"-p", "0:80"}, {"tcp:80"});
    const unsigned port = told_port(*service, "127.0.0.1", "80/tcp");
    EXPECT_EQ(ask(SOCK_STREAM, address, port, "x").error, ECONNREFUSED);
}

TEST_F(Publish, APortThatIsTakenIsAnErrorBeforeTheCommand) {
    for (const auto& [type, suffix] : {std::pair{SOCK_STREAM, ""}, std::pair{SOCK_DGRAM, "/udp"}}) {
        const Server taken{type, "127.0.0.1", "x"};
        const std::string mark = (scratch() / "mark").string();
        const Result result = sandbox({"run", "-v", scratch().string() + ":/mnt", "-p",
                                       taken.port() + ":80" + suffix, busybox(), "touch", "/mnt/mark"});
        expect_failure(result, 125, taken.port(), "in use");
        EXPECT_FALSE(std::filesystem::exists(mark)) << "the command ran";
    }
}

TEST_F(Publish, APortInARangeThatIsTakenIsNamed) {
    const Server taken{SOCK_STREAM, "127.0.0.1", "x"};
    const auto last = std::stoul(taken.port());
    const std::string range = std::to_string(last - 1) + "-" + taken.port();
    const Result result = sandbox({"run", "-p", range + ":80-81", busybox(), "true"});
    // The one before it may be somebody's too.
    EXPECT_TRUE(contains(result.err, ":" + taken.port()) ||
                contains(result.err, ":" + std::to_string(last - 1)))
        << result.err;
    expect_failure(result, 125, "127.0.0.1:", "in use");
}

TEST_F(Publish, AnAddressThatIsNotTheHostsIsAnError) {
    expect_failure(sandbox({"run", "-p", "203.0.113.77:8080:80", busybox(), "true"}), 125, "203.0.113.77");
}

TEST_F(Publish, ALowPortExplainsTheSysctl) {
    const char* const sysctl = "net.ipv4.ip_unprivileged_port_start";
    if (std::stoul(read_text("/proc/sys/net/ipv4/ip_unprivileged_port_start")) <= 79) {
        GTEST_SKIP() << sysctl << " lets everyone have port 79";
    }
    expect_failure(sandbox({"run", "-p", "79:79", busybox(), "true"}), 125, "79", "", sysctl);
}

TEST_F(Publish, WithoutAServiceTheCallerIsRefusedOrLeftAtOnce) {
    const auto service = serve({"-p", "0:81"}, {"tcp:80"});
    const unsigned port = told_port(*service, "127.0.0.1", "81/tcp");
    const auto start = std::chrono::steady_clock::now();
    const Reply reply = ask(SOCK_STREAM, "127.0.0.1", port, "x");
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds{2});
    EXPECT_EQ(reply.text, "");
    EXPECT_TRUE(reply.error == 0 || reply.error == ECONNREFUSED || reply.error == ECONNRESET ||
                reply.error == EPIPE)
        << reply.error;
}

TEST_F(Publish, AServiceMayComeAndGo) {
    const auto process = serve({"-p", "0:80"}, {"tcp:81"});
    const unsigned port = told_port(*process, "127.0.0.1", "80/tcp");
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", port, "x").text, "");
    }
    process->close_stdin();
    EXPECT_EQ(process->wait().status, 0);
}

TEST_F(Publish, TwoSandboxesMayPublishTheSamePortInside) {
    const auto first = serve({"-p", "0:80"}, {"tcp:80"});
    const auto second = serve({"-p", "0:80"}, {"tcp:80"});
    const unsigned first_port = told_port(*first, "127.0.0.1", "80/tcp");
    const unsigned second_port = told_port(*second, "127.0.0.1", "80/tcp");
    EXPECT_NE(first_port, second_port);
    EXPECT_TRUE(ask(SOCK_STREAM, "127.0.0.1", first_port, "one").text.ends_with(" one\n"));
    EXPECT_TRUE(ask(SOCK_STREAM, "127.0.0.1", second_port, "two").text.ends_with(" two\n"));
}

TEST_F(Publish, TwoHundredConnectionsAtOnceAreAllServed) {
    const auto service = serve({"-p", "0:80"}, {"tcp:80"});
    const unsigned port = told_port(*service, "127.0.0.1", "80/tcp");
    std::atomic<int> served = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 200; ++i) {
        callers.emplace_back([&, i] {
            const std::string text = std::to_string(i);
            if (ask(SOCK_STREAM, "127.0.0.1", port, text).text.ends_with(" " + text + "\n")) {
                ++served;
            }
        });
    }
    for (std::thread& caller : callers) {
        caller.join();
    }
    EXPECT_EQ(served, 200);
}

TEST_F(Publish, AtTheEndThePortIsFree) {
    const auto service = serve({"-p", "0:80"}, {"tcp:80"});
    const unsigned port = told_port(*service, "127.0.0.1", "80/tcp");
    service->close_stdin();
    EXPECT_EQ(service->wait().status, 0);
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", port, "x").error, ECONNREFUSED);
}

TEST_F(Publish, GoesWithTheUserModeNetworkOnly) {
    for (const char* network : {"none", "host"}) {
        expect_failure(sandbox({"run", "--network", network, "-p", "0:80", busybox(), "true"}), 125,
                       "--publish");
    }
}
