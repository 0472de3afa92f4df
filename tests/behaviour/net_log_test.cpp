// SPDX-License-Identifier: Apache-2.0
// What is told of the network: the log of connections, the summary of what was denied, the capture.
#include <cstring>

#include "network.hpp"

using namespace sandbox::test;

namespace {

class NetLog : public NetworkTest {
  protected:
    void SetUp() override {
        NetworkTest::SetUp();
        outer_ = outer_address();
        if (!IsSkipped() && outer_.empty()) {
            GTEST_SKIP() << "this host has no address but its loopback";
        }
    }

    std::string path(const char* name) const { return (scratch() / name).string(); }

    std::string outer_;
};

/// The one line that has a part, or "".
std::string line_with(const std::string& text, const std::string& part) {
    std::string found;
    for (const std::string& line : lines_of(text)) {
        if (contains(line, part)) {
            EXPECT_EQ(found, "") << "more than one line with " << part;
            found = line;
        }
    }
    return found;
}

/// Every part is in the line.
void expect_parts(const std::string& line, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) {
        EXPECT_TRUE(contains(line, part)) << part << " is not in: " << line;
    }
}

std::string held(const std::string& command) {
    return "mkfifo /tmp/held; exec 9<>/tmp/held; " + command + " <&9";
}

} // namespace

TEST_F(NetLog, AConnectionIsALineOfJson) {
    const Server server{SOCK_STREAM, outer_, "hello\n"};
    const Result result = script("echo hi | nc " + outer_ + " " + server.port(), {"--net-log", path("log")});
    EXPECT_EQ(result.out, "hello\n") << result.err;
    const std::string log = read_text(path("log"));
    const std::string line = line_with(log, outer_ + ":" + server.port());
    EXPECT_TRUE(line.starts_with("{") && line.ends_with("}") && log.ends_with("\n")) << log;
    expect_parts(line, {"\"time\":\"20", "\"protocol\":\"tcp\"",
                        "\"source\":\"10.0.2.15:", "\"destination\":\"" + outer_ + ":" + server.port() + "\"",
                        "\"sent\":3", "\"received\":6", "\"duration\":", "\"verdict\":\"allowed\""});
    EXPECT_FALSE(contains(line, "published"));
}

TEST_F(NetLog, ADenialIsALineOfJson) {
    const Result result =
        script(held("nc -w 3 203.0.113.9 4711"), {"--allow", outer_, "--net-log", path("log")});
    EXPECT_NE(result.status, 0);
    const std::string line = line_with(read_text(path("log")), "denied");
    expect_parts(line,
                 {"\"protocol\":\"tcp\"", "\"source\":\"10.0.2.15:", "\"destination\":\"203.0.113.9:4711\"",
                  "\"sent\":0", "\"received\":0", "\"verdict\":\"denied\""});
}

TEST_F(NetLog, ADeniedNameIsALineOfJson) {
    (void)script("nslookup Secrets.evil.example", {"--allow", outer_, "--net-log", path("log")});
    const std::string log = read_text(path("log"));
    expect_parts(log,
                 {"\"protocol\":\"dns\"", "\"name\":\"secrets.evil.example\"", "\"verdict\":\"denied\""});
}

TEST_F(NetLog, AFailureIsALineOfJson) {
    const std::string port = std::to_string(free_port(SOCK_STREAM, outer_));
    (void)script(held("nc -w 3 " + outer_ + " " + port), {"--net-log", path("log")});
    expect_parts(line_with(read_text(path("log")), outer_ + ":" + port), {"\"verdict\":\"failed\""});
}

TEST_F(NetLog, IsAppendedTo) {
    write_text(path("log"), "before\n");
    (void)script(held("nc -w 3 203.0.113.9 1"), {"--allow", outer_, "--net-log", path("log")});
    const std::string log = read_text(path("log"));
    EXPECT_TRUE(log.starts_with("before\n{")) << log;
}

TEST_F(NetLog, AFileThatCannotBeWrittenIsAnErrorBeforeTheCommand) {
    for (const char* option : {"--net-log", "--pcap"}) {
        const Result result = sandbox({"run", "-v", scratch().string() + ":/mnt", option, path("none/file"),
                                       busybox(), "touch", "/mnt/mark"});
        expect_failure(result, 125, path("none/file"), "No such file");
        expect_failure(sandbox({"run", option, scratch().string(), busybox(), "true"}), 125,
                       scratch().string(), "directory");
        expect_failure(sandbox({"run", option, "-", busybox(), "true"}), 125, std::string{option} + " -",
                       "stdout is the command's", "name a file");
        EXPECT_FALSE(std::filesystem::exists(scratch() / "mark")) << "the command ran";
    }
}

TEST_F(NetLog, AFullDiskDoesNotEndTheNetwork) {
    const Server server{SOCK_STREAM, outer_, "hello\n"};
    for (const std::string option : {"--net-log", "--pcap"}) {
        const Result result =
            script("for i in 1 2 3; do echo hi | nc " + outer_ + " " + server.port() + "; done",
                   {option, "/dev/full"});
        EXPECT_EQ(result.out, "hello\nhello\nhello\n") << result.err;
        EXPECT_TRUE(contains(result.err, option + ": it is cut short: No space left on device"))
            << result.err;
    }
}

TEST_F(NetLog, ADenialOfTheHostsLoopbackNamesItsOption) {
    const Result result = script("nc -w 3 10.0.2.2 4711 || true");
    EXPECT_TRUE(contains(result.err, "10.0.2.2: ") && contains(result.err, "--host-loopback")) << result.err;
}

TEST_F(NetLog, WhatWasDeniedIsSummedUpAtTheEnd) {
    const std::string denied = held("for i in 1 2 3; do nc -w 3 203.0.113.9 4711; done");
    const Result result = script(denied, {"--allow", outer_});
    const std::string line = line_with(result.err, "sandbox: ");
    expect_parts(line, {"denied", "203.0.113.9:4711"});
    EXPECT_EQ(lines_of(result.err).back(), line) << "it is the last word";
    EXPECT_FALSE(contains(script(denied, {"--allow", outer_, "--quiet"}).err, "sandbox: "));
}

TEST_F(NetLog, WithoutADenialNothingIsSummedUp) {
    const Server server{SOCK_STREAM, outer_, "hello\n"};
    EXPECT_EQ(script("echo hi | nc " + outer_ + " " + server.port(), {"--allow", outer_}).err, "");
    EXPECT_EQ(script("true", {"--allow", outer_}).err, "");
}

// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
TEST_F(NetLog, ACaptureHasTheFramesOfAConnection) {
    const Server server{SOCK_STREAM, outer_, "hello over the wire\n"};
    const Result result = script("echo hi | nc " + outer_ + " " + server.port(), {"--pcap", path("capture")});
    EXPECT_EQ(result.out, "hello over the wire\n") << result.err;
    const std::string capture = read_text(path("capture"));
    ASSERT_GT(capture.size(), 24U);
    std::uint32_t magic = 0, link_type = 0;
    std::memcpy(&magic, capture.data(), sizeof magic);
    std::memcpy(&link_type, capture.data() + 20, sizeof link_type);
    EXPECT_TRUE(magic == 0xa1b2c3d4 || magic == 0xa1b23c4d) << std::hex << magic;
    EXPECT_EQ(link_type & 0xffff, 1U) << "Ethernet";
    std::size_t frames = 0;
    for (std::size_t at = 24; at + 16 <= capture.size(); ++frames) {
        std::uint32_t captured = 0, original = 0;
        std::memcpy(&captured, capture.data() + at + 8, sizeof captured);
        std::memcpy(&original, capture.data() + at + 12, sizeof original);
        ASSERT_EQ(captured, original);
        ASSERT_LE(at + 16 + captured, capture.size()) << "a frame is cut short";
        at += 16 + captured;
    }
    EXPECT_GE(frames, 7U) << "three to open, two of data, two to close at least";
    EXPECT_TRUE(contains(capture, "hello over the wire\n"));
}

TEST_F(NetLog, ACaptureHasWhatWasDenied) {
    (void)script(held("nc -w 3 203.0.113.9 4711"), {"--allow", outer_, "--pcap", path("capture")});
    const std::string capture = read_text(path("capture"));
    EXPECT_TRUE(contains(capture, std::string{"\xcb\x00\x71\x09", 4})) << "203.0.113.9";
}
