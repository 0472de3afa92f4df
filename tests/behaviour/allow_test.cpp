// SPDX-License-Identifier: Apache-2.0
// The allow-list: what passes, what is denied and how soon, by names, addresses, and frames made by hand.
#include "network.hpp"

using namespace sandbox::test;

namespace {

/// Says a line, with a stdin that stays open; prints what came, and the exit status.
const char* const asking =
    "mkfifo /tmp/held; exec 9<>/tmp/held; ask() { echo hi >&9; nc -w 3 \"$@\" <&9; echo \"status $?\"; }; ";

/// Python: sends a datagram to ADDRESS PORT, prints what came or the error's name, and whether it took a
/// second.
const char* const datagram_program = R"(
import errno, socket, sys, time
client = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(5)
start = time.monotonic()
try:
    client.connect((sys.argv[1], int(sys.argv[2])))
    client.send(b"hi")
    print("got", client.recv(100).decode().strip())
except OSError as error:
    print("error", errno.errorcode.get(error.errno, error))
print("slow" if time.monotonic() - start > 1 else "at once")
)";

class Allow : public NetworkTest {
  protected:
    void SetUp() override {
        NetworkTest::SetUp();
        outer_ = outer_address();
        if (!IsSkipped() && outer_.empty()) {
            GTEST_SKIP() << "this host has no address but its loopback";
        }
    }

    /// What `ask` in the sandbox gets from an address, under some rules.
    Result ask_under(const Arguments& rules, const std::string& address, const std::string& port) {
        Arguments options;
        for (const std::string& rule : rules) {
            options.insert(options.end(), {"--allow", rule});
        }
        return script(asking + ("ask " + address + " " + port), options);
    }

    std::string outer_;
};

} // namespace

TEST_F(Allow, AnAllowedAddressIsReached) {
    const Server server{SOCK_STREAM, outer_, "hello\n"};
    const std::string block = outer_.substr(0, outer_.rfind('.')) + ".0/24";
    for (const std::string& rule : {outer_, outer_ + ":" + server.port(), block, block + ":" + server.port(),
                                    std::string{"0.0.0.0/0"}}) {
        EXPECT_TRUE(contains(ask_under({rule}, outer_, server.port()).out, "hello\n")) << rule;
    }
}

TEST_F(Allow, RulesAddUp) {
    const Server server{SOCK_STREAM, outer_, "hello\n"};
    EXPECT_TRUE(
        contains(ask_under({"192.0.2.99", outer_, "example.org"}, outer_, server.port()).out, "hello\n"));
}

TEST_F(Allow, EverythingElseIsRefusedAtOnce) {
    const Server server{SOCK_STREAM, outer_, "secret\n"};
    for (const std::string& rule : {std::string{"203.0.113.9"}, outer_ + ":1", outer_ + "/32:65535",
                                    std::string{"2001:db8::/32"}, std::string{"example.org"}}) {
        const auto start = std::chrono::steady_clock::now();
        const Result result = ask_under({rule}, outer_, server.port());
        EXPECT_LT(std::chrono::steady_clock::now() - start, seconds{3}) << rule;
        EXPECT_TRUE(contains(result.err, "refused")) << rule << ": " << result.err;
        EXPECT_EQ(result.out, "status 1\n") << rule;
    }
    EXPECT_FALSE(server.was_asked());
}

TEST_F(Allow, ConnectFailsWithinASecond) {
    REQUIRE_PROGRAM("python3");
    const Server server{SOCK_STREAM, outer_, "secret\n"};
    const Result result = sandbox({"run", "--allow", "203.0.113.9", "host", "python3", "-c", R"(
import errno, socket, sys, time
start = time.monotonic()
error = socket.socket().connect_ex((sys.argv[1], int(sys.argv[2])))
print(errno.errorcode.get(error), "slow" if time.monotonic() - start > 1 else "at once"))",
                                   outer_, server.port()});
    EXPECT_EQ(result.out, "ECONNREFUSED at once\n") << result.err;
}

TEST_F(Allow, UdpIsDeniedByAnIcmpMessageAtOnce) {
    REQUIRE_PROGRAM("python3");
    const Server server{SOCK_DGRAM, outer_, "answer\n"};
    const auto send = [&](const std::string& rule) {
        return sandbox(
            {"run", "--allow", rule, "host", "python3", "-c", datagram_program, outer_, server.port()});
    };
    const Result denied = send("203.0.113.9");
    EXPECT_TRUE(denied.out.starts_with("error E")) << denied.out << denied.err;
    EXPECT_TRUE(contains(denied.out, "at once")) << denied.out;
    EXPECT_FALSE(contains(send(outer_ + ":1").out, "got"));
    EXPECT_FALSE(server.was_asked());
    EXPECT_EQ(send(outer_ + ":" + server.port()).out, "got answer\nat once\n");
}

TEST_F(Allow, HoldsForIpv6) {
    REQUIRE_PROGRAM("python3");
    const Result result = in_world(R"(
        serve tcp 2001:db8::1 8080 allowed; serve tcp 2001:db8:1::1 8080 denied
        serve udp 2001:db8::1 5353 allowed; serve udp 2001:db8:1::1 5353 denied
        ask() {
            "$sandbox" run --userns single --quiet --allow "$1" "$busybox" \
                sh -c 'mkfifo /tmp/held; exec 9<>/tmp/held; nc -w 3 "$0" 8080 <&9; echo $?' "$2" 2>/dev/null
        }
        ask 2001:db8::1 2001:db8::1; ask 2001:db8::1 2001:db8:1::1
        ask '[2001:db8::/64]:8080' 2001:db8::1; ask '[2001:db8::/64]:80' 2001:db8::1; ask 198.51.100.1 2001:db8::1
        for address in 2001:db8::1 2001:db8:1::1; do
            "$sandbox" run --userns single --quiet --allow 2001:db8::1 host python3 -c "$datagram_program" $address 5353
        done
    )",
                                   {.environment = {{"datagram_program", datagram_program}}});
    EXPECT_TRUE(result.out.starts_with("allowed\n0\n1\nallowed\n0\n1\n1\ngot allowed\nat once\nerror E"))
        << result.out << result.err;
    EXPECT_FALSE(contains(result.out, "denied"));
    EXPECT_FALSE(contains(result.out, "slow"));
}

TEST_F(Allow, PingGoesToAllowedAddressesOnly) {
    REQUIRE_IMAGE(image, "alpine-minirootfs-3.20.3-x86_64.tar"); // whose ping needs no raw socket
    const auto ping = [&](const std::string& rule) {
        return sandbox({"run", "--allow", rule, image, "ping", "-c", "1", "-W", "1", outer_});
    };
    EXPECT_NE(ping("203.0.113.9").status, 0);
    const std::string range = read_text("/proc/sys/net/ipv4/ping_group_range");
    const auto group = static_cast<unsigned long>(::getegid());
    if (std::stoul(range) <= group && group <= std::stoul(range.substr(range.find_first_of("\t ")))) {
        EXPECT_EQ(ping(outer_).status, 0);
    }
}

TEST_F(Allow, TheGatewayIsNoWayOut) {
    const Server server{SOCK_STREAM, "127.0.0.1", "secret\n"};
    EXPECT_FALSE(contains(ask_under({outer_}, "10.0.2.2", server.port()).out, "secret"));
    EXPECT_FALSE(contains(ask_under({"10.0.2.2"}, "10.0.2.2", server.port()).out, "secret"))
        << "a rule alone does not open the host's loopback";
    EXPECT_FALSE(contains(
        script(asking + ("ask 10.0.2.2 " + server.port()), {"--host-loopback", "--allow", outer_}).out,
        "secret"))
        << "with an allow-list the gateway needs a rule too";
    EXPECT_FALSE(server.was_asked());
    EXPECT_TRUE(contains(
        script(asking + ("ask 10.0.2.2 " + server.port()), {"--host-loopback", "--allow", "10.0.2.2"}).out,
        "secret"));
}

TEST_F(Allow, HostLoopbackIsReachedWhenAskedFor) {
    const Server server{SOCK_STREAM, "127.0.0.1", "local service\n"};
    EXPECT_TRUE(contains(script(asking + ("ask 10.0.2.2 " + server.port()), {"--host-loopback"}).out,
                         "local service\n"));
}

TEST_F(Allow, OnlyAllowedNamesAreAskedForAndTheirAddressesOpened) {
    REQUIRE_PROGRAM("python3");
    const Result result = in_world(R"(
        serve tcp 198.51.100.1 8080 good; serve tcp 198.51.100.2 8080 evil
        python3 -c "$name_server_program" 198.51.100.53 "$scratch/asked" & servers="$servers $!"
        until grep -qs listening "$scratch/asked"; do sleep 0.02; done
        "$sandbox" run --userns single --quiet --dns 198.51.100.53 --allow good.example:8080 "$busybox" sh -c '
            mkfifo /tmp/held; exec 9<>/tmp/held
            nc -w 3 198.51.100.1 8080 <&9; echo "before: $?"
            nslookup evil.example >/dev/null; echo "evil: $?"
            nslookup www.good.example >/dev/null; echo "below: $?"
            nc -w 3 good.example 8080 <&9; echo "by name: $?"
            nc -w 3 198.51.100.1 8080 <&9; echo "by address: $?"
            nc -w 3 198.51.100.1 8081 <&9; echo "other port: $?"
            nc -w 3 198.51.100.2 8080 <&9; echo "other address: $?"
            nc -w 3 198.51.100.53 53 <&9; echo "the server itself: $?"' 2>/dev/null
        sort -u "$scratch/asked"
    )");
    EXPECT_EQ(result.out,
              "before: 1\nevil: 1\nbelow: 1\ngood\nby name: 0\ngood\nby address: 0\nother port: 1\nother "
              "address: 1\n"
              "the server itself: 1\ngood.example\nlistening\n")
        << result.err;
}

TEST_F(Allow, AStarAllowsWhatIsBelowItAlone) {
    REQUIRE_PROGRAM("python3");
    const Result result = in_world(R"(
        serve tcp 198.51.100.1 8080 good
        python3 -c "$name_server_program" 198.51.100.53 "$scratch/asked" & servers="$servers $!"
        until grep -qs listening "$scratch/asked"; do sleep 0.02; done
        "$sandbox" run --userns single --quiet --dns 198.51.100.53 --allow '*.good.example' "$busybox" sh -c '
            mkfifo /tmp/held; exec 9<>/tmp/held
            nc -w 3 good.example 8080 <&9; echo "apex: $?"
            nc -w 3 WWW.Good.example 8080 <&9; echo "below: $?"' 2>/dev/null
    )");
    EXPECT_EQ(result.out, "apex: 1\ngood\nbelow: 0\n") << result.err;
}

TEST_F(Allow, ANameThatDoesNotResolveIsNoErrorUntilItIsUsed) {
    const Result result = script("echo ran", {"--allow", "no-such-name.invalid"});
    EXPECT_EQ(result.out, "ran\n") << result.err;
    EXPECT_EQ(result.status, 0);
}

// Root inside, with every capability, past the kernel's own tables.
TEST_F(Allow, FramesMadeByHandReachNothingThatIsDenied) {
    REQUIRE_PROGRAM("python3");
    const Server outer_tcp{SOCK_STREAM, outer_, "secret\n"};
    const Server outer_udp{SOCK_DGRAM, outer_, "secret\n"};
    const Server local_tcp{SOCK_STREAM, "127.0.0.1", "secret\n"};
    const Server local_udp{SOCK_DGRAM, "127.0.0.1", "secret\n"};
    Arguments arguments{"run",     "--nested",    "--userns", "single",  "--allow", "203.0.113.9",
                        "--allow", "127.0.0.0/8", "host",     "python3", "-c",      frame_program};
    for (const char* address : {"127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1", "10.0.2.2", "fd00::2"}) {
        arguments.insert(arguments.end(), {address, local_tcp.port(), address, local_udp.port()});
    }
    arguments.insert(arguments.end(), {outer_, outer_tcp.port(), outer_, outer_udp.port()});
    arguments.insert(arguments.end(),
                     {"::ffff:" + outer_, outer_tcp.port(), "64:ff9b::" + outer_, outer_udp.port()});
    const Result result = sandbox(arguments);
    EXPECT_EQ(result.out, "sent\n") << result.err;
    for (const Server* server : {&outer_tcp, &outer_udp, &local_tcp, &local_udp}) {
        EXPECT_FALSE(server->was_asked());
    }
}

TEST_F(Allow, GoesWithTheUserModeNetworkOnly) {
    for (const char* network : {"none", "host"}) {
        expect_failure(sandbox({"run", "--network", network, "--allow", outer_, busybox(), "true"}), 125,
                       "--allow");
    }
}

TEST_F(Allow, AMalformedRuleIsAnError) {
    for (const char* rule : {"", "a b", "x:0", "10.0.0.0/33", "*"}) {
        expect_failure(sandbox({"run", "--allow", rule, busybox(), "true"}), 125, "--allow", "",
                       "HOST[:PORT]");
    }
}
