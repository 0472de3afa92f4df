// SPDX-License-Identifier: Apache-2.0
// What tests of the network stand on: servers and clients outside, programs to run inside, and a world of
// addresses that a plain user can make.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "harness.hpp"

namespace sandbox::test {

/// An address of this host that a sandbox can reach: not its loopback, not link-local, not one that means
/// something else inside (fd00::/64); "" where there is none.
std::string outer_address(int family = AF_INET);

/// Answers each connection, or datagram, with what it was told to.
class Server {
  public:
    /// @param type SOCK_STREAM or SOCK_DGRAM
    /// @param address of either version; the kernel chooses the port
    Server(int type, const std::string& address, std::string answer);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    [[nodiscard]] std::string port() const { return std::to_string(port_); }
    [[nodiscard]] bool was_asked() const { return asked_; }

  private:
    void serve();

    int type_;
    std::string answer_;
    int fd_ = -1;
    unsigned port_ = 0;
    std::atomic<bool> stopping_ = false, asked_ = false;
    std::thread thread_;
};

/// What came of a connection, or of a datagram.
struct Reply {
    int error = 0; ///< errno of what failed first
    std::string text;
};

/// Connects, says `text` and reads to the end; each step within five seconds.
/// @param from the own address to bind to; empty: the kernel's choice
Reply ask(int type, const std::string& address, unsigned port, const std::string& text,
          const std::string& from = "");

/// A port that was free a moment ago.
unsigned free_port(int type, const std::string& address);

/// Python, for `python3 -c`: listens on each of "tcp:PORT" and "udp:PORT", both IP versions, says "ready",
/// and answers "PEER TEXT\n", where PEER is the caller's address.
extern const char* const service_program;

/// Python: sends frames of TCP and UDP through eth0, past the inside's own routing and rules: DESTINATION
/// PORT each, from the sandbox's own address of that version.
extern const char* const frame_program;

/// Python: a name server on ADDRESS port 53 that knows good.example and www.good.example (198.51.100.1) and
/// appends each name that it is asked for to FILE.
extern const char* const name_server_program;

/// Skips where there is no tap device.
class NetworkTest : public SandboxTest {
  protected:
    void SetUp() override;

    /// Runs a shell script as root of a network namespace whose loopback has 198.51.100.1 and .2,
    /// 203.0.113.1, 198.51.100.53, 2001:db8::1 and 2001:db8:1::1: what stands for the outside. In it,
    /// `"$sandbox"` is the binary, $busybox an image; a program `serve TYPE ADDRESS PORT TEXT` is a server.
    Result in_world(const std::string& script, RunOptions options = {});
};

} // namespace sandbox::test
