// SPDX-License-Identifier: Apache-2.0
// How spliced connections end: each half by itself, by a reset, by a death.
#include "splice_fixture.hpp"

using namespace sandbox::test;

TEST_F(Splice, TheInsideMayEndItsHalfAndGoOnReading) {
    PythonServer server{"c, _ = listen().accept(); d = read_all(c); time.sleep(0.3); c.sendall(b'got ' + d)"};
    EXPECT_EQ(inside("s = connect(sys.argv[1]); s.sendall(b'words'); s.shutdown(socket.SHUT_WR); "
                     "say(read_all(s).decode())",
                     {server.port()})
                  .out,
              "got words\n");
}

TEST_F(Splice, TheOutsideMayEndItsHalfAndGoOnReading) {
    PythonServer server{"c, _ = listen().accept(); c.shutdown(socket.SHUT_WR); say(read_all(c).decode())"};
    const Result result = inside(
        "s = connect(sys.argv[1]); say(read_all(s)); time.sleep(0.3); s.sendall(b'words')", {server.port()});
    EXPECT_EQ(result.out, "b''\n") << result.err;
    EXPECT_EQ(server.answer(), "words");
}

TEST_F(Splice, WhatTheCommandWroteLastArrives) {
    for (int i = 0; i < 3; ++i) {
        PythonServer server{"c, _ = listen().accept(); time.sleep(0.6); say(len(read_all(c)))"};
        (void)inside("s = connect(sys.argv[1]); s.sendall(b'x' * 5000000); os._exit(0)", {server.port()});
        EXPECT_EQ(server.answer(), "5000000");
    }
}

/// Megabytes are still in the kernels' buffers when the command ends, and the other side takes its time.
TEST_F(Splice, WhatTheCommandWroteLastReachesASlowReader) {
    PythonServer server{
        "c, _ = listen().accept(); n = 0\n"
        "while True:\n"
        "    d = c.recv(100000)\n"
        "    if not d: break\n"
        "    n += len(d); time.sleep(0.05)\n"
        "say(n)"};
    const Result result =
        inside("s = connect(sys.argv[1]); s.sendall(b'x' * 6000000); os._exit(0)", {server.port()});
    EXPECT_EQ(server.answer(), "6000000") << result.err;
    EXPECT_EQ(result.err, "");
}

/// Where one side has closed for good, only a probe finds out.
TEST_F(Splice, AHalfClosedConnectionIsProbed) {
    PythonServer server{"c, _ = listen().accept(); c.shutdown(socket.SHUT_WR); read_all(c); say('end')"};
    const std::string port = server.port();
    char hex[8];
    (void)std::snprintf(hex, sizeof hex, ":%04X ", static_cast<unsigned>(std::stoul(port)));
    Process client(sandbox_command(python_command(
                       "s = connect(sys.argv[1]); s.recv(1); say('half'); time.sleep(30)", {port})),
                   with_store({}));
    ASSERT_TRUE(client.wait_for_output("half"));
    // "rem_address st tx:rx tr:when": 08 is CLOSE_WAIT, 02 the timer of keep-alive. proc(5), net/tcp
    EXPECT_TRUE(eventually([&] {
        for (const std::string& line : lines_of(read_text("/proc/net/tcp"))) {
            const auto at = line.find(hex + std::string{"08 00000000:00000000 02:"});
            if (at != std::string::npos) {
                return true;
            }
        }
        return false;
    }));
    client.signal(SIGTERM);
    EXPECT_EQ(server.answer(), "end");
}

TEST_F(Splice, AConnectionLeftOpenDoesNotKeepTheCallerForLong) {
    PythonServer server{"c, _ = listen().accept(); c.recv(1); time.sleep(8)"};
    const auto start = std::chrono::steady_clock::now();
    (void)inside("s = connect(sys.argv[1]); s.sendall(b'x'); os._exit(0)", {server.port()});
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds{6});
}

TEST_F(Splice, AResetOfTheOutsideReachesTheInside) {
    PythonServer server{"c, _ = listen().accept(); c.recv(1); reset(c)"};
    EXPECT_EQ(
        inside("s = connect(sys.argv[1]); s.sendall(b'x'); say(outcome(lambda: s.recv(1)))", {server.port()})
            .out,
        "ECONNRESET\n");
}

TEST_F(Splice, AResetOfTheInsideReachesTheOutside) {
    PythonServer server{"c, _ = listen().accept(); c.recv(1); say(outcome(lambda: c.recv(1)))"};
    const Result result =
        inside("s = connect(sys.argv[1]); s.sendall(b'x'); time.sleep(0.2); reset(s); time.sleep(0.3)",
               {server.port()});
    EXPECT_EQ(server.answer(), "ECONNRESET") << result.err;
}

TEST_F(Splice, AResetAfterAHalfCloseReachesTheOtherSide) {
    PythonServer server{"c, _ = listen().accept(); read_all(c); reset(c)"};
    EXPECT_EQ(inside("s = connect(sys.argv[1]); s.shutdown(socket.SHUT_WR); say(outcome(lambda: s.recv(1)))",
                     {server.port()})
                  .out,
              "ECONNRESET\n");
}

TEST_F(Splice, AServerKilledInMidTransferEndsTheConnection) {
    PythonServer server{"c, _ = listen().accept(); c.recv(1); os.kill(os.getpid(), signal.SIGKILL)"};
    const Result result = inside(R"(
s = connect(sys.argv[1])
def send():
    while True: s.sendall(b'x' * 65536)
say(outcome(send) in ('ECONNRESET', 'EPIPE'))
)",
                                 {server.port()});
    EXPECT_EQ(result.out, "True\n") << result.err;
}

TEST_F(Splice, AClientKilledInMidTransferEndsTheConnection) {
    PythonServer server{R"(
c, _ = listen().accept(); begin = time.time()
def send():
    while True: c.sendall(b'x' * 65536)
say(outcome(send) in ('ECONNRESET', 'EPIPE'), time.time() - begin < 5)
)"};
    const Result result = inside(R"(
if os.fork() == 0:
    s = connect(sys.argv[1]); s.recv(100000); os.kill(os.getpid(), signal.SIGKILL)
os.wait(); time.sleep(1)
)",
                                 {server.port()});
    EXPECT_EQ(server.answer(), "True True") << result.err;
}

TEST_F(Splice, KeepaliveThatTheInsideAsksForIsAskedForOutside) {
    // What the kernel outside has for a timer of the connection: /proc/net/tcp, proc_pid_net(5).
    PythonServer server{R"(
c, peer = listen().accept(); ours = ':%04X' % peer[1]; here = ':%04X' % c.getsockname()[1]
def timer():
    for line in open('/proc/net/tcp'):
        f = line.split()
        if f[1].endswith(ours) and f[2].endswith(here): return f[5][:2]
begin = time.time()
while timer() != '02' and time.time() - begin < 15: time.sleep(0.2)
say(timer()); c.close()
)"};
    const Result result = inside(R"(
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 300); s.connect(('10.0.2.2', int(sys.argv[1]))); s.recv(1)
)",
                                 {server.port()});
    EXPECT_EQ(server.answer(), "02") << result.err; // the keep-alive timer
}
