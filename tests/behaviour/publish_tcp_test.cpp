// SPDX-License-Identifier: Apache-2.0
// Published TCP ports: whom the service sees, and how connections end.
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "harness.hpp"
#include "python_peer.hpp"

using namespace sandbox::test;

namespace {

/// Accepts for ever; tells each client whom it sees, and what it was sent.
const char* const service = R"(
def serve(address):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ':' in address: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, 8080)); s.listen(4096)
    while True:
        c, peer = s.accept()
        c.sendall(('%s %d ' % peer[:2]).encode() + c.recv(100)); c.close()
for address in sys.argv[1:]: threading.Thread(target=serve, args=(address,), daemon=True).start()
time.sleep(0.2); say('ready'); time.sleep(60)
)";

class PublishTcp : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        if (!IsSkipped() && ::access("/dev/net/tun", R_OK | W_OK) < 0) {
            GTEST_SKIP() << "/dev/net/tun is not usable";
        }
        if (!IsSkipped() && !has_program("python3")) {
            GTEST_SKIP() << "the program python3 is not installed";
        }
    }

    /// A sandbox with the service, its port 8080 published at `address`; its own addresses inside are
    /// `inside`.
    std::unique_ptr<Process> publish(const std::string& address, const Arguments& inside,
                                     const std::string& port = "8080") {
        Arguments arguments{"run",     "--publish", address + ":0:" + port,  "host",
                            "python3", "-c",        python_prelude + service};
        arguments.insert(arguments.end(), inside.begin(), inside.end());
        auto process = std::make_unique<Process>(sandbox_command(arguments), with_store({}));
        EXPECT_TRUE(process->wait_for_output("ready"));
        EXPECT_TRUE(process->wait_for_error(" -> "));
        const std::string line = process->err();
        const std::size_t arrow = line.find(" -> ");
        port_ = line.substr(line.rfind(':', arrow) + 1, arrow - line.rfind(':', arrow) - 1);
        return process;
    }
    /// A client outside.
    Result client(const std::string& text, const std::string& address) {
        return run({"python3", "-c", python_prelude + text, address, port_});
    }

  private:
    std::string port_;
};

const char* const ask =
    "s = connect(sys.argv[2], sys.argv[1]); s.sendall(b'words'); "
    "a = read_all(s).decode().split(); say(a[0], a[2], int(a[1]) == s.getsockname()[1])";

} // namespace

TEST_F(PublishTcp, ALoopbackPeerIsTheGateway) {
    const auto sandbox = publish("127.0.0.1", {"0.0.0.0"});
    EXPECT_EQ(client(ask, "127.0.0.1").out, "10.0.2.2 words False\n");
}

TEST_F(PublishTcp, ALoopbackPeerIsTheGatewayOverIpv6) {
    const auto sandbox = publish("[::1]", {"::"});
    EXPECT_EQ(client(ask, "::1").out, "fd00::2 words False\n");
}

TEST_F(PublishTcp, TheServiceSeesThePeersAddressAndPort) {
    const std::string address = trimmed(
        run({"python3", "-c", python_prelude + "say(outcome(own_address) == 'done' and own_address())"}).out);
    if (address == "False") {
        GTEST_SKIP() << "this host has no address but its loopback";
    }
    const auto sandbox = publish(address, {"0.0.0.0"});
    EXPECT_EQ(client(ask, address).out, address + " words True\n");
}

TEST_F(PublishTcp, AServiceOfOneFamilyIsReachedByTheOther) {
    {
        const auto sandbox = publish("127.0.0.1", {"::"});
        EXPECT_EQ(client(ask, "127.0.0.1").out, "fd00::2 words False\n");
    }
    const auto sandbox = publish("[::1]", {"0.0.0.0"});
    EXPECT_EQ(client(ask, "::1").out, "10.0.2.2 words False\n");
}

TEST_F(PublishTcp, WhereNobodyListensThePeerIsResetAtOnce) {
    const auto sandbox = publish("127.0.0.1", {"0.0.0.0"}, "8081");
    EXPECT_EQ(client("begin = time.time(); say(outcome(lambda: connect(sys.argv[2], sys.argv[1]).recv(1)), "
                     "time.time() - begin < 1)",
                     "127.0.0.1")
                  .out,
              "ECONNRESET True\n");
}

TEST_F(PublishTcp, ManyPeersAreServedAtOnce) {
    const auto sandbox = publish("127.0.0.1", {"0.0.0.0"});
    const Result result = client(R"(
all = [connect(sys.argv[2], sys.argv[1]) for _ in range(500)]
for s in all: s.sendall(b'words')
say(sum(b'words' in read_all(s) for s in all))
)",
                                 "127.0.0.1");
    EXPECT_EQ(result.out, "500\n") << result.err;
}

TEST_F(PublishTcp, WorksWithoutTheRulesToo) {
    Arguments arguments{"run",     "--publish", "127.0.0.1:0:8080",       "--net-engine", "slirp", "host",
                        "python3", "-c",        python_prelude + service, "0.0.0.0"};
    Process process{sandbox_command(arguments), with_store({})};
    ASSERT_TRUE(process.wait_for_output("ready"));
    ASSERT_TRUE(process.wait_for_error(" -> "));
    const std::size_t arrow = process.err().find(" -> ");
    const std::size_t colon = process.err().rfind(':', arrow);
    const std::string port = process.err().substr(colon + 1, arrow - colon - 1);
    const Result result = run({"python3", "-c", python_prelude + ask, "127.0.0.1", port});
    // Never 127.0.0.1: services trust it.
    EXPECT_EQ(result.out, "10.0.2.15 words False\n") << result.err;
}
