// SPDX-License-Identifier: Apache-2.0
// Rows "Network" and "Abstract unix sockets": what an insider, a peer or a name server tries.
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "network.hpp"

using namespace sandbox::test;

namespace {

class NetworkHostile : public NetworkTest {};
class AbstractSockets : public SandboxTest {};

} // namespace

TEST_F(NetworkHostile, LinkLocalAndMetadataAddressesAreDeniedUnlessTheyAreNamed) {
    REQUIRE_PROGRAM("python3");
    const Result result = in_world(R"(
        ip addr add 169.254.169.254/32 dev lo; ip addr add 169.254.170.2/32 dev lo
        serve tcp 169.254.169.254 8080 metadata; serve tcp 169.254.170.2 8080 credentials
        serve tcp 198.51.100.1 8080 world
        inside() {
            "$sandbox" run --userns single --quiet "$@" "$busybox" sh -c '
                mkfifo /tmp/held; exec 9<>/tmp/held
                for address in 169.254.169.254 169.254.170.2 198.51.100.1; do
                    nc -w 3 $address 8080 <&9 || echo refused
                done' 2>/dev/null
        }
        inside
        inside --allow 198.51.100.1
        inside --allow 0.0.0.0/0
        inside --allow 169.254.169.254 --allow 198.51.100.1
    )");
    EXPECT_EQ(result.out,
              "refused\nrefused\nworld\n"
              "refused\nrefused\nworld\n"
              "refused\nrefused\nworld\n"
              "metadata\nrefused\nworld\n")
        << result.err;
}

TEST_F(NetworkHostile, Cve2021_20199_APublishedPortsPeerIsNoLoopbackOfTheInside) {
    // A service that trusts 127.0.0.1 must not take a stranger for itself.
    REQUIRE_PROGRAM("python3");
    const Result result = in_world(R"(
        mkfifo "$scratch/held"; exec 9<>"$scratch/held"
        "$sandbox" run --userns single --quiet -p 198.51.100.1:8080:80 -p 127.0.0.1:8081:80 host \
            python3 -c "$service_program" tcp:80 >"$scratch/service" 2>&1 <&9 & servers="$servers $!"
        until grep -q ready "$scratch/service"; do sleep 0.02; done
        ask() {
            timeout 20 python3 -c '
import socket, sys
while True:
    try:
        peer = socket.create_connection((sys.argv[2], int(sys.argv[3])), 5, (sys.argv[1], 0))
        peer.sendall(b"hello"); peer.shutdown(socket.SHUT_WR)
        text = peer.recv(100)
        if text: break
    except OSError: pass
print(text.decode().strip())' "$@"
        }
        ask 198.51.100.2 198.51.100.1 8080; ask 203.0.113.1 198.51.100.1 8080
        ask 198.51.100.1 198.51.100.1 8080; ask 127.0.0.1 127.0.0.1 8081
    )");
    EXPECT_EQ(result.out, "198.51.100.2 hello\n203.0.113.1 hello\n198.51.100.1 hello\n10.0.2.2 hello\n")
        << result.err;
}

TEST_F(AbstractSockets, Cve2024_27297_TheyAreSharedWithTheHostsNetworkOnly) {
    // Where the network is shared the manual says so; everywhere else the host's do not answer.
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string text = "sandbox-test-abstract-" + std::to_string(::getpid());
    std::memcpy(name.sun_path + 1, text.data(), text.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&name), length), 0);
    ASSERT_EQ(::listen(listener, 8), 0);
    REQUIRE_PROGRAM("python3");
    const auto reaches = [&](const std::string& network) {
        const std::string program =
            "import socket,sys\ns=socket.socket(socket.AF_UNIX)\n"
            "print(s.connect_ex('\\0'+sys.argv[1]))";
        return sandbox({"run", "--network", network, "host", "python3", "-c", program, text}).out;
    };
    EXPECT_EQ(reaches("none"), "111\n"); // ECONNREFUSED
    if (::access("/dev/net/tun", R_OK | W_OK) == 0) {
        EXPECT_EQ(reaches("slirp"), "111\n");
    }
    EXPECT_EQ(reaches("host"), "0\n");
    (void)::close(listener);
}
