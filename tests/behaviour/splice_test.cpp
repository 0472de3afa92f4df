// SPDX-License-Identifier: Apache-2.0
// TCP through the kernel (--net-engine splice): every way in which a connection can begin, go on and end,
// seen from both sides.
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "splice_fixture.hpp"

using namespace sandbox::test;

namespace {

void deny_nftables() {
    sock_filter program[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 4, SYS_socket},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, args[2])},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 2, NETLINK_NETFILTER},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, args[0])},
        {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AF_NETLINK},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPROTONOSUPPORT},
    };
    const sock_fprog filter{sizeof program / sizeof program[0], program};
    (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

} // namespace

// --- how it begins
// -------------------------------------------------------------------------------------------------

TEST_F(Splice, AClosedPortIsRefused) {
    const Result result =
        inside("say(outcome(lambda: connect(1))); say(outcome(lambda: connect(1, 'fd00::2')))");
    EXPECT_EQ(result.out, "ECONNREFUSED\nECONNREFUSED\n") << result.err;
}

TEST_F(Splice, BytesGoBothWays) {
    PythonServer server{"c, _ = listen().accept(); c.sendall(b'got ' + c.recv(100))"};
    EXPECT_EQ(
        inside("s = connect(sys.argv[1]); s.sendall(b'words'); say(s.recv(100).decode())", {server.port()})
            .out,
        "got words\n");
}

TEST_F(Splice, Ipv6Works) {
    PythonServer server{"c, _ = listen('::1').accept(); c.sendall(b'got ' + c.recv(100))"};
    const Result result =
        inside("s = connect(sys.argv[1], 'fd00::2'); s.sendall(b'words'); say(s.recv(100).decode())",
               {server.port()});
    EXPECT_EQ(result.out, "got words\n") << result.err;
}

TEST_F(Splice, TheServerSpeaksFirst) {
    PythonServer server{"c, _ = listen().accept(); c.sendall(b'welcome'); c.recv(1)"};
    EXPECT_EQ(inside("say(connect(sys.argv[1]).recv(100).decode())", {server.port()}).out, "welcome\n");
}

/// Networks outside that answer with every kind of failure: routes of a namespace that the test makes.
TEST_F(Splice, ConnectFailsInsideAsItDoesOutside) {
    REQUIRE_PROGRAM("unshare");
    const std::string attempts = R"(
def attempt(address):
    s = socket.socket(); s.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 2)
    begin = time.time(); result = outcome(lambda: s.connect((address, 80)))
    say(address, result, 'late' if time.time() - begin > 20 else 'in time')
for a in ('198.51.100.1', '203.0.113.1', '203.0.113.2', '192.0.2.1'): attempt(a)
)";
    const std::string network =
        "ip link set lo up; ip route add unreachable 203.0.113.1; ip route add prohibit 203.0.113.2; "
        "ip link add v0 type veth peer name v1 && ip link set v1 up; ip addr add 192.0.2.9/24 dev v0; "
        "ip link set v0 arp off up; "
        "echo 1 >/proc/sys/net/ipv4/tcp_syn_retries; \"$@\"";
    Arguments command{"unshare", "-Urn", "sh", "-c", network, "sh"};
    const Arguments sandboxed = sandbox_command(python_command(attempts, {}));
    command.insert(command.end(), sandboxed.begin(), sandboxed.end());
    const Result result = run(command, with_store({}));
    if (contains(result.err, "Unknown device type")) {
        GTEST_SKIP() << "no veth interfaces: " << result.err;
    }
    EXPECT_EQ(result.out,
              "198.51.100.1 ENETUNREACH in time\n203.0.113.1 EHOSTUNREACH in time\n"
              "203.0.113.2 EHOSTUNREACH in time\n192.0.2.1 ETIMEDOUT in time\n")
        << result.err;
}

TEST_F(Splice, ConnectReturnsOnlyWhenTheOutsideIsConnected) {
    // A full backlog: the kernel outside answers no more.
    PythonServer server{R"(
s = listen(backlog=0); fillers = []
for _ in range(3):
    f = socket.socket(); f.setblocking(False); f.connect_ex(s.getsockname()); fillers.append(f)
say('full'); time.sleep(1.5)
for _ in range(3): s.accept()
time.sleep(5)
)"};
    ASSERT_TRUE(server.process().wait_for_output("full"));
    const Result result = inside(R"(
say(outcome(lambda: connect(sys.argv[1], timeout=0.5)))
say(outcome(lambda: connect(sys.argv[1], timeout=10)))
)",
                                 {server.port()});
    EXPECT_EQ(result.out, "TimeoutError\ndone\n") << result.err;
}

TEST_F(Splice, OneSourcePortServesConnectionAfterConnection) {
    PythonServer server{R"(
s = listen(); n = 0
for _ in range(40):
    c, _ = s.accept(); n += len(read_all(c)); c.close()
say(n)
)"};
    const Result result = inside(R"(
for i in range(40):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('', 40000))
    s.connect(('10.0.2.2', int(sys.argv[1]))); s.sendall(b'x')
    if i % 2: s.shutdown(socket.SHUT_WR); s.recv(1); s.close()
    else: s.shutdown(socket.SHUT_WR); s.recv(1); reset(s)
    if i % 2: time.sleep(0.01)
say('done')
)",
                                 {server.port()});
    EXPECT_TRUE(contains(result.out, "done")) << result.out << result.err;
    EXPECT_EQ(server.answer(), "40");
}

/// Two descriptors each in sandbox-net, whose share of the hard limit leaves some for the rest.
TEST_F(Splice, TenThousandConnectionsAtOnce) {
    rlimit descriptors{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    const std::string count = std::to_string(std::min<rlim_t>(10000, (descriptors.rlim_max - 1000) / 2));
    const std::string raise_limit =
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, "
        "(resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2); count = " +
        count + "\n";
    PythonServer server{raise_limit + R"(
s = listen(backlog=4096); all = [s.accept()[0] for _ in range(count)]
for c in all: c.sendall(c.recv(10))
say(len(all)); read_all(all[-1])
)"};
    const Result result = inside(raise_limit + R"(
all = []
for i in range(count):
    s = connect(sys.argv[1]); s.sendall(b'%d' % i); all.append(s)
say(sum(s.recv(10) == b'%d' % i for i, s in enumerate(all)))
)",
                                 {server.port()});
    EXPECT_EQ(result.out, count + "\n") << result.err;
}

/// Its segments come to the tap whatever the rules say.
TEST_F(Splice, ASocketBoundToTheInterfaceIsResetSoon) {
    PythonServer server{"s = listen(); time.sleep(10)"};
    const Result result = inside(R"(
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0'); begin = time.time()
def talk(): s.settimeout(20); s.connect(('10.0.2.2', int(sys.argv[1]))); s.sendall(b'x'); s.recv(1)
say(outcome(talk) in ('ECONNRESET', 'ECONNREFUSED'), time.time() - begin < 8)
)",
                                 {server.port()});
    if (contains(result.out, "EPERM")) {
        GTEST_SKIP() << "SO_BINDTODEVICE needs CAP_NET_RAW here";
    }
    EXPECT_EQ(result.out, "True True\n") << result.err;
}

// --- how it goes on
// ------------------------------------------------------------------------------------------------

TEST_F(Splice, MuchDataArrivesWholeInBothDirectionsAtOnce) {
    const std::string both = R"(
def swap(s, seed):
    block = hashlib.sha256(seed).digest() * 4096; total = 400
    def send():
        for _ in range(total): s.sendall(block)
        s.shutdown(socket.SHUT_WR)
    t = threading.Thread(target=send); t.start()
    h = hashlib.sha256(); n = 0
    while True:
        part = s.recv(1 << 20)
        if not part: break
        h.update(part); n += len(part)
    t.join(); return n, h.hexdigest()
def expected(seed): return 400 * 131072, hashlib.sha256(hashlib.sha256(seed).digest() * 4096 * 400).hexdigest()
)";
    PythonServer server{both + "c, _ = listen().accept(); say(swap(c, b'out') == expected(b'in'))"};
    const Result result =
        inside(both + "say(swap(connect(sys.argv[1]), b'in') == expected(b'out'))", {server.port()});
    EXPECT_EQ(result.out, "True\n") << result.err;
    EXPECT_EQ(server.answer(), "True");
}

TEST_F(Splice, ASlowReaderOutsideThrottlesTheInside) {
    PythonServer server{R"(
c, _ = listen().accept(); time.sleep(1.5); say(len(read_all(c)))
)"};
    const Result result = inside(R"(
s = connect(sys.argv[1]); s.setblocking(False); sent = 0; end = time.time() + 1
while time.time() < end:
    try: sent += s.send(b'x' * 65536)
    except BlockingIOError: time.sleep(0.01)
early = sent; s.setblocking(True); s.shutdown(socket.SHUT_WR); s.recv(1)
say(sent, early < 64 << 20)
)",
                                 {server.port()});
    const std::string received = server.answer();
    EXPECT_EQ(result.out, received + " True\n") << result.err;
}

TEST_F(Splice, ASlowReaderInsideThrottlesTheOutside) {
    PythonServer server{R"(
c, _ = listen().accept(); c.setblocking(False); sent = 0; end = time.time() + 1
while time.time() < end:
    try: sent += c.send(b'x' * 65536)
    except BlockingIOError: time.sleep(0.01)
c.setblocking(True); c.shutdown(socket.SHUT_WR); c.recv(1); say(sent, sent < 64 << 20)
)"};
    const Result result =
        inside("s = connect(sys.argv[1]); time.sleep(1.5); say(len(read_all(s)), True)", {server.port()});
    EXPECT_EQ(server.answer() + "\n", result.out) << result.err;
}

/// More stalled streams than there are pipes: the others go on.
TEST_F(Splice, StalledConnectionsDoNotHoldUpOthers) {
    PythonServer server{R"(
s = listen(); held = []
for _ in range(300):
    c, _ = s.accept(); held.append(c)
c, _ = s.accept(); say(len(read_all(c)))
)"};
    const Result result = inside(R"(
held = []
for _ in range(300):
    s = connect(sys.argv[1]); s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536); s.setblocking(False); held.append(s)
end = time.time() + 3
while time.time() < end:
    stuck = 0
    for s in held:
        try: s.send(b'x' * 262144)
        except BlockingIOError: stuck += 1
    if stuck == len(held): time.sleep(0.2)
s = connect(sys.argv[1]); s.sendall(b'y' * 3000000); s.shutdown(socket.SHUT_WR); s.recv(1); say('done')
)",
                                 {server.port()});
    EXPECT_EQ(result.out, "done\n") << result.err;
    EXPECT_EQ(server.answer(), "3000000");
}

const char* const urgent_receiver = R"(
def receive(s):
    # Ordinary bytes, and the urgent one apart from them, whatever comes first.
    plain, urgent = b'', b''; s.settimeout(20); p = select.poll(); p.register(s, select.POLLIN | select.POLLPRI)
    while True:
        events = p.poll(20000)
        if not events: return 'stalled', plain, urgent
        if events[0][1] & select.POLLPRI and not urgent: urgent = s.recv(1, socket.MSG_OOB)
        part = s.recv(100)
        if not part: return plain, urgent
        plain += part
)";

TEST_F(Splice, UrgentDataIsUrgentOnTheOtherSideOutward) {
    PythonServer server{std::string{urgent_receiver} + "c, _ = listen().accept(); say(receive(c))"};
    const Result result = inside(R"(
s = connect(sys.argv[1]); s.sendall(b'before'); time.sleep(0.2); s.send(b'!', socket.MSG_OOB); time.sleep(0.2)
s.sendall(b'after'); s.shutdown(socket.SHUT_WR); s.recv(1)
)",
                                 {server.port()});
    EXPECT_EQ(server.answer(), "(b'beforeafter', b'!')") << result.err;
}

TEST_F(Splice, UrgentDataIsUrgentOnTheOtherSideInward) {
    PythonServer server{R"(
c, _ = listen().accept(); c.sendall(b'before'); c.send(b'!', socket.MSG_OOB); c.sendall(b'after'); c.shutdown(socket.SHUT_WR)
c.recv(1)
)"};
    const Result result =
        inside(std::string{urgent_receiver} + "say(receive(connect(sys.argv[1])))", {server.port()});
    EXPECT_EQ(result.out, "(b'beforeafter', b'!')\n") << result.err;
}

TEST_F(Splice, AnUrgentByteJustBeforeTheEndIsNotTheEnd) {
    PythonServer server{
        "c, _ = listen().accept(); c.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1); "
        "say(read_all(c))"};
    const Result result =
        inside("s = connect(sys.argv[1]); s.sendall(b'words'); s.send(b'!', socket.MSG_OOB); s.close()",
               {server.port()});
    EXPECT_EQ(server.answer(), "b'words!'") << result.err;
}

// --- what it leaves alone
// ------------------------------------------------------------------------------------------

TEST_F(Splice, TheInsideMayListenAnywhere) {
    const Result result = inside(R"(
outcome(lambda: connect(1))
for address in ('', '127.0.0.1', '10.0.2.15'):
    for port in (65535, 65534, 9999, 8080, 1024):
        s = socket.socket(); s.bind((address, port)); s.listen(); s.close()
for port in (65535, 1024):
    s = socket.socket(socket.AF_INET6); s.bind(('::', port)); s.listen(); s.close()
say('done')
)");
    EXPECT_EQ(result.out, "done\n") << result.err;
}

TEST_F(Splice, ConnectionsWithinTheSandboxStayThere) {
    const Result result = inside(R"(
outcome(lambda: connect(1))
for address in ('127.0.0.1', '10.0.2.15', '::1', 'fd00::15'):
    l = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET); l.bind((address, 0)); l.listen()
    s = connect(l.getsockname()[1], address); c, peer = l.accept(); s.sendall(b'x'); say(c.recv(1), peer[0] == address)
)");
    EXPECT_EQ(result.out, "b'x' True\nb'x' True\nb'x' True\nb'x' True\n") << result.err;
}

/// What a kernel without nftables says, said by a filter.
TEST_F(Splice, WithoutNftablesLibslirpTakesOver) {
    // Not the host's loopback, which libslirp does not lead to.
    PythonServer server{R"(
try: s = listen(own_address())
except OSError: s = listen(); say('at none .')
else: say('at ' + s.getsockname()[0] + ' .'); c, _ = s.accept(); c.sendall(b'welcome')
)"};
    ASSERT_TRUE(server.process().wait_for_output(" ."));
    const std::string line = lines_of(server.process().out())[1];
    const std::string address = line.substr(3, line.size() - 5);
    if (address == "none") {
        GTEST_SKIP() << "this host has no address but its loopback";
    }
    RunOptions options;
    options.in_child = deny_nftables;
    const Result result =
        sandbox({"run", "--log-level", "debug", "host", "python3", "-c",
                 python_prelude + "say(connect(*sys.argv[1:]).recv(100).decode()); time.sleep(0.5)",
                 server.port(), address},
                options);
    EXPECT_EQ(result.out, "welcome\n") << result.err;
    EXPECT_TRUE(contains(result.err, "nftables")) << result.err;
}

TEST_F(Splice, NoProcessIsLeftBehind) {
    PythonServer server{"c, _ = listen().accept(); c.recv(1)"};
    (void)inside("s = connect(sys.argv[1]); os.kill(os.getpid(), signal.SIGKILL)", {server.port()});
    EXPECT_TRUE(eventually([] { return find_descendant("sandbox-net") < 0; }));
}
