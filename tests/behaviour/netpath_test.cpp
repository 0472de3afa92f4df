// SPDX-License-Identifier: Apache-2.0
// The path of a frame through the real sandbox-net, between two network namespaces of the test.
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>

#include "net_stage.hpp"

using namespace sandbox::test;

namespace {

class NetPath : public ::testing::Test {
  protected:
    void SetUp() override {
        REQUIRE_PROGRAM("ip");
        REQUIRE_PROGRAM("python3");
        make_stage();
    }
    void make_stage(unsigned mtu = 65520, bool ping = true) {
        stage_ = std::make_unique<NetStage>(mtu, ping);
        if (!stage_->missing().empty()) {
            GTEST_SKIP() << stage_->missing();
        }
    }
    [[nodiscard]] std::string file(const std::string& name) const { return directory_.path() / name; }
    [[nodiscard]] std::string inside(const std::string& program) const {
        return stage_->guest_python(program);
    }
    /// Lines of the log after the helper's end.
    std::vector<std::string> log_lines() {
        (void)stage_->end();
        return lines_of(read_text(file("log")));
    }
    static std::size_t count(const std::vector<std::string>& lines, const std::vector<std::string>& parts) {
        std::size_t found = 0;
        for (const std::string& line : lines) {
            bool has_all = true;
            for (const std::string& part : parts) {
                has_all = has_all && contains(line, part);
            }
            found += has_all ? 1 : 0;
        }
        return found;
    }

    TemporaryDirectory directory_;
    std::unique_ptr<NetStage> stage_;
};

const char* const all_addresses = "serve('192.0.2.1', '2001:db8::1')";

/// Frames of a capture file in nanoseconds over Ethernet; nothing where it is none.
std::vector<std::string> frames_of(const std::string& pcap) {
    std::vector<std::string> frames;
    const auto number = [&](std::size_t at) {
        std::uint32_t value = 0;
        std::memcpy(&value, pcap.data() + at, sizeof value);
        return value;
    };
    if (pcap.size() < 24 || number(0) != 0xa1b23c4d || number(20) != 1) {
        return frames;
    }
    for (std::size_t at = 24; at + 16 <= pcap.size(); at += 16 + number(at + 8)) {
        frames.push_back(pcap.substr(at + 16, number(at + 8)));
    }
    return frames;
}

} // namespace

TEST_F(NetPath, TcpAndUdpOfBothFamiliesReachTheOutside) {
    const auto server = stage_->serve(all_addresses);
    stage_->start();
    EXPECT_EQ(inside("print(tcp('192.0.2.1', 7000), udp('192.0.2.1', 7001, b'y' * 60000), sep='\\n')"),
              "tcp from 192.0.2.1\nudp from 192.0.2.1 of 60000\n");
    EXPECT_EQ(inside("print(tcp('2001:db8::1', 7000), udp('2001:db8::1', 7001), sep='\\n')"),
              "tcp from 2001:db8::1\nudp from 2001:db8::1 of 1\n");
}

TEST_F(NetPath, ARefusedPortIsRefusedAtOnce) {
    stage_->start();
    EXPECT_EQ(inside("print(tcp('192.0.2.1', 9), udp('192.0.2.1', 9), udp('2001:db8::1', 9), sep='\\n')"),
              "Connection refused\nConnection refused\nConnection refused\n");
}

TEST_F(NetPath, PingOfBothFamiliesReachesTheOutside) {
    stage_->start();
    EXPECT_EQ(
        inside(
            "print(ping('192.0.2.1'), ping('2001:db8::1', size=1400), ping('192.0.2.2', size=0), sep='\\n')"),
        "0 7 8\n129 7 1400\n0 7 0\n");
}

TEST_F(NetPath, GatewayAndNameserverAnswerPings) {
    stage_->start({"--allow", "198.51.100.1"});
    EXPECT_EQ(inside("for a in ('10.0.2.2', '10.0.2.3', 'fd00::2', 'fd00::3'): print(ping(a))"),
              "0 7 8\n0 7 8\n129 7 8\n129 7 8\n");
}

TEST_F(NetPath, PingSaysAtOnceThatThereIsNoRoute) {
    stage_->start();
    EXPECT_EQ(inside("for a in ('198.51.100.1', '2001:db8:1::1'): print(ping(a))"),
              "Network is unreachable\nNetwork is unreachable\n");
}

TEST_F(NetPath, PingSaysAtOnceThatTheHostIsUnreachable) {
    (void)run(
        {"sh", "-c", "ip route add unreachable 198.51.100.0/24; ip -6 route add unreachable 2001:db8:1::/48"},
        stage_->host());
    stage_->start();
    EXPECT_EQ(inside("for a in ('198.51.100.1', '2001:db8:1::1'): print(ping(a))"),
              "No route to host\nNo route to host\n");
}

TEST_F(NetPath, TheFirstHopIsTheGateway) {
    stage_->start();
    EXPECT_EQ(inside("print(ping('192.0.2.1', ttl=1), ping('192.0.2.1', ttl=2), sep='\\n')"),
              "No route to host\n0 7 8\n")
        << "EHOSTUNREACH is what time exceeded becomes";
}

TEST_F(NetPath, AHostThatForbidsPingIsNamed) {
    make_stage(65520, false);
    stage_->start();
    EXPECT_EQ(inside("print(ping('192.0.2.1'), ping('192.0.2.1'), sep='\\n')"),
              "No route to host\nNo route to host\n");
    EXPECT_TRUE(stage_->says("note\tping: "));
    const std::string out = stage_->end().out;
    EXPECT_TRUE(contains(out, "net.ipv4.ping_group_range")) << out;
    EXPECT_EQ(count(lines_of(out), {"note\t"}), 1U) << "once";
}

TEST_F(NetPath, WhatIsNotAllowedIsRefusedAtOnceAndLoggedOnce) {
    const auto server = stage_->serve(all_addresses);
    stage_->add_file("--net-log-fd", file("log"));
    stage_->start({"--allow", "192.0.2.1:7000"});
    EXPECT_EQ(inside("t = time.time()\n"
                     "print(tcp('192.0.2.1', 7000))\n"
                     "print(tcp('192.0.2.1', 7001), tcp('192.0.2.2', 7000), tcp('2001:db8::1', 7000))\n"
                     "print(udp('192.0.2.1', 7001), udp('2001:db8::1', 7001), ping('192.0.2.2'), sep=', ')\n"
                     "print(time.time() - t < 2)"),
              "tcp from 192.0.2.1\n"
              "Connection refused Connection refused Connection refused\n"
              "No route to host, Permission denied, No route to host\n"
              "True\n");
    EXPECT_FALSE(contains(server->out(), "datagram"));
    const auto lines = log_lines();
    EXPECT_EQ(count(lines, {"denied"}), 6U);
    EXPECT_EQ(count(lines, {"denied", "tcp", "[2001:db8::1]:7000"}), 1U);
    EXPECT_EQ(count(lines, {"denied", "udp", "192.0.2.1:7001"}), 1U);
    EXPECT_EQ(count(lines, {"denied", "icmp", "192.0.2.2"}), 1U);
    EXPECT_EQ(count(lines, {"allowed", "tcp", "192.0.2.1:7000", R"("sent":1,"received":18)"}), 1U);
}

TEST_F(NetPath, TheLogCountsWhatPasses) {
    const auto server = stage_->serve("serve('192.0.2.1', large=300000)");
    stage_->add_file("--net-log-fd", file("log"));
    stage_->start();
    EXPECT_EQ(inside("print(len(tcp('192.0.2.1', 7000, b'q' * 200000)), tcp('192.0.2.1', 9))\n"
                     "print(udp('192.0.2.1', 7001, b'z' * 100), ping('192.0.2.1', size=50))"),
              "300018 Connection refused\nudp from 192.0.2.1 of 100 0 7 50\n");
    const auto lines = log_lines();
    EXPECT_EQ(lines.size(), 4U) << read_text(file("log"));
    EXPECT_EQ(count(lines, {R"("tcp")", "allowed", R"("sent":200000,"received":300018)"}), 1U)
        << read_text(file("log"));
    EXPECT_EQ(count(lines, {R"("tcp")", "failed", "192.0.2.1:9"}), 1U);
    EXPECT_EQ(count(lines, {R"("udp")", "allowed", R"("sent":100,"received":25)"}), 1U);
    EXPECT_EQ(count(lines, {R"("icmp")", "allowed", R"("sent":50,"received":50)"}), 1U);
}

TEST_F(NetPath, TheHostsLoopbackIsClosed) {
    const auto server = stage_->serve("serve('127.0.0.1', '::1')");
    stage_->start();
    EXPECT_EQ(inside("for a in ('10.0.2.2', 'fd00::2'): print(tcp(a, 7000), udp(a, 7001))"),
              "Connection refused No route to host\nConnection refused Permission denied\n");
    EXPECT_FALSE(contains(server->out(), "datagram"));
}

TEST_F(NetPath, FramesMadeByHandDoNotReachTheHostsLoopback) {
    const auto server = stage_->serve("serve('127.0.0.1', '::1')");
    stage_->start();
    (void)inside(
        "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0))\n"
        "gateway = bytes.fromhex('52550a000202') + bytes.fromhex('020000000001')\n"
        "udp4 = struct.pack('!HHHH', 5000, 7001, 8, 0)\n"
        "for to in ('127.0.0.1', '0.0.0.0', '127.1.2.3'):\n"
        "    header = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 28, 1, 0, 64, 17, 0, "
        "socket.inet_aton('10.0.2.15'),\n"
        "                         socket.inet_aton(to))\n"
        "    total = sum(struct.unpack('!10H', header)); total = (total & 0xffff) + (total >> 16)\n"
        "    header = header[:10] + struct.pack('!H', ~total & 0xffff) + header[12:]\n"
        "    s.send(gateway + b'\\x08\\x00' + header + udp4)\n"
        "for to in ('::1', '::', '::ffff:127.0.0.1'):\n"
        "    source, target = socket.inet_pton(socket.AF_INET6, 'fd00::15'), "
        "socket.inet_pton(socket.AF_INET6, to)\n"
        "    pseudo = source + target + struct.pack('!II', 8, 17) + udp4\n"
        "    total = sum(struct.unpack('!%dH' % (len(pseudo) // 2), pseudo))\n"
        "    while total >> 16: total = (total & 0xffff) + (total >> 16)\n"
        "    s.send(gateway + b'\\x86\\xdd' + struct.pack('!IHBB', 6 << 28, 8, 17, 64) + source + target +\n"
        "           udp4[:6] + struct.pack('!H', ~total & 0xffff))\n"
        "time.sleep(0.3)");
    EXPECT_EQ(inside("print(ping('10.0.2.2'))"), "0 7 8\n") << "all of it has been read";
    EXPECT_FALSE(contains(server->out(), "datagram"));
}

TEST_F(NetPath, HostLoopbackOpensTheGateway) {
    const auto server = stage_->serve("serve('127.0.0.1', '::1')");
    stage_->start({"--host-loopback"});
    EXPECT_EQ(inside("for a in ('10.0.2.2', 'fd00::2'): print(tcp(a, 7000), udp(a, 7001), sep=', ')"),
              "tcp from 127.0.0.1, udp from 127.0.0.1 of 1\ntcp from ::1, udp from ::1 of 1\n");
}

TEST_F(NetPath, PublishedDatagramsReachAServiceThatNeverSpoke) {
    stage_->publish_udp("0.0.0.0", 7500, 7001);
    stage_->publish_udp("::", 7501, 7001);
    stage_->start({"--allow", "198.51.100.1"});
    const auto server = stage_->serve("guest:serve('0.0.0.0')");
    const auto server6 = stage_->serve("guest:serve('fd00::15')");
    EXPECT_EQ(
        stage_->host_python("print(udp('192.0.2.1', 7500), udp('127.0.0.1', 7500, b'y' * 60000), sep='\\n')\n"
                            "print(udp('2001:db8::1', 7501), udp('::1', 7501), sep='\\n')"),
        "udp from 192.0.2.1 of 1\nudp from 10.0.2.2 of 60000\n"
        "udp from 2001:db8::1 of 1\nudp from fd00::2 of 1\n");
}

TEST_F(NetPath, APublishedPortOpensNothingElse) {
    const auto outside = stage_->serve(all_addresses);
    stage_->publish_udp("0.0.0.0", 7500, 7001);
    stage_->add_file("--net-log-fd", file("log"));
    stage_->start({"--allow", "198.51.100.1"});
    const auto server = stage_->serve("guest:serve('0.0.0.0')");
    EXPECT_EQ(stage_->host_python("print(udp('192.0.2.1', 7500))"), "udp from 192.0.2.1 of 1\n");
    EXPECT_EQ(inside("print(udp('192.0.2.1', 7001), udp('192.0.2.1', 7001, source=7002), sep='\\n')"),
              "No route to host\nNo route to host\n");
    EXPECT_FALSE(contains(outside->out(), "datagram"));
    const auto lines = log_lines();
    EXPECT_EQ(count(lines, {R"("published":true)", "10.0.2.15:7001", R"("sent":23,"received":1)"}), 1U);
    EXPECT_EQ(count(lines, {"denied"}), 2U);
}

TEST_F(NetPath, TheCaptureHasTheFramesOfBothDirections) {
    const auto server = stage_->serve(all_addresses);
    stage_->add_file("--pcap-fd", file("pcap"));
    stage_->start();
    EXPECT_EQ(inside("print(udp('192.0.2.1', 7001, b'needle-out'))"), "udp from 192.0.2.1 of 10\n");
    std::size_t out = 0;
    std::size_t in = 0;
    EXPECT_TRUE(eventually([&] {
        out = in = 0;
        for (const std::string& frame : frames_of(read_text(file("pcap")))) {
            out += contains(frame, "needle-out") ? 1 : 0;
            in += contains(frame, "udp from 192.0.2.1") ? 1 : 0;
        }
        return out == 1 && in == 1;
    })) << out
        << " out, " << in << " in: it must be there while sandbox-net sleeps";
}

TEST_F(NetPath, DhcpIsAnswered) {
    stage_->start({"--allow", "198.51.100.1"});
    EXPECT_EQ(inside("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)\n"
                     "s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n"
                     "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0'); s.bind(('', 68))\n"
                     "mac = bytes.fromhex(open('/sys/class/net/eth0/address').read().strip().replace(':', '')"
                     " if os.path.exists('/sys/class/net/eth0') else '020000000001')\n"
                     "s.sendto(struct.pack('!BBBBIHH16s16s192sI', 1, 1, 6, 0, 1, 0, 0x8000, b'', mac, b'',"
                     " 0x63825363) + b'\\x35\\x01\\x01\\xff', ('255.255.255.255', 67))\n"
                     "print(socket.inet_ntoa(s.recv(2000)[16:20]))"),
              "10.0.2.15\n");
}

TEST_F(NetPath, WithoutIpv6NothingOfItIsAnswered) {
    const auto server = stage_->serve(all_addresses);
    stage_->add_file("--pcap-fd", file("pcap"));
    stage_->start({"--no-ipv6"});
    EXPECT_EQ(inside("print(udp('192.0.2.1', 7001), udp('2001:db8::1', 7001, timeout=0.5), sep='\\n')"),
              "udp from 192.0.2.1 of 1\ntimed out\n");
    (void)stage_->end();
    for (const std::string& frame : frames_of(read_text(file("pcap")))) {
        const bool is_from_gateway =
            frame.compare(6, 2, "\x52\x55") == 0 || frame.compare(6, 2, "\x52\x56") == 0;
        EXPECT_FALSE(is_from_gateway && frame.compare(12, 2, "\x86\xdd") == 0);
    }
}

TEST_F(NetPath, NoFrameIsLargerThanTheMtu) {
    make_stage(1500);
    const auto server = stage_->serve("serve('192.0.2.1', large=100000)");
    stage_->add_file("--pcap-fd", file("pcap"));
    stage_->start({"--mtu", "1500"});
    EXPECT_EQ(inside("print(len(tcp('192.0.2.1', 7000, b'q' * 100000)))"), "100018\n");
    (void)stage_->end();
    const auto frames = frames_of(read_text(file("pcap")));
    EXPECT_GT(frames.size(), 100U);
    for (const std::string& frame : frames) {
        EXPECT_LE(frame.size(), 1514U);
    }
}

TEST_F(NetPath, NobodyWakesWhileNoFlowIsOpen) {
    const auto server = stage_->serve(all_addresses);
    stage_->add_file("--net-log-fd", file("log"));
    stage_->start();
    (void)run({"sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6"}, stage_->guest());
    EXPECT_EQ(inside("print(tcp('192.0.2.1', 7000), ping('10.0.2.2'))"), "tcp from 192.0.2.1 0 7 8\n");
    const auto wakeups = [&] {
        const std::string status = read_text("/proc/" + std::to_string(stage_->helper().pid()) + "/status");
        return status.substr(status.find("\nvoluntary_ctxt_switches"));
    };
    // What the kernel still has to say about neighbours and multicast comes first.
    std::string before;
    EXPECT_TRUE(eventually(
        [&] {
            before = wakeups();
            ::usleep(1'500'000);
            return wakeups() == before;
        },
        seconds{20}));
}

TEST_F(NetPath, ItEndsWithItsTap) {
    stage_->start();
    (void)run({"ip", "link", "delete", "eth0"}, stage_->guest());
    EXPECT_EQ(stage_->helper().wait().status, 0);
}

TEST_F(NetPath, AFloodOfFlowsLeavesItAlive) {
    const auto server = stage_->serve(all_addresses);
    stage_->add_file("--net-log-fd", file("log"));
    stage_->publish_udp("0.0.0.0", 7500, 7001);
    stage_->start();
    EXPECT_EQ(inside("for port in range(1024, 9024):\n"
                     "    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
                     "        s.bind(('', port)); s.sendto(b'x', ('192.0.2.1', port))\n"
                     "for n in range(600):\n"
                     "    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as s:\n"
                     "        s.connect(('192.0.2.1', 0)); s.send(struct.pack('!BBHHH', 8, 0, 0, 0, n))\n"
                     "t = time.time()\n"
                     "while ping('192.0.2.1', timeout=0.2) != '0 7 8' and time.time() - t < 30: pass\n"
                     "print(ping('10.0.2.2'))"),
              "0 7 8\n");
    EXPECT_EQ(stage_->end().status, 0);
    EXPECT_GT(lines_of(read_text(file("log"))).size(), 1000U);
}
