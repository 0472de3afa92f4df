// SPDX-License-Identifier: Apache-2.0
// The flow log's lines, its end on a full disk, and the summary of denials.
#include "net/flow_log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/files.hpp"

namespace sandbox::net {

namespace {

FlowRecord record_to(const char* address, std::uint16_t port, FlowRecord::Verdict verdict) {
    FlowRecord record;
    record.protocol = Protocol::tcp;
    record.source = {parse_ip_address("10.0.2.15").value(), 40000};
    record.destination = {parse_ip_address(address).value(), port};
    record.verdict = verdict;
    return record;
}

FlowRecord denied_to(const char* address, std::uint16_t port) {
    return record_to(address, port, FlowRecord::Verdict::denied);
}

/// What is written into the log by `act`.
template <typename Act>
std::string written_by(Act act) {
    Pipe pipe = make_pipe();
    {
        FlowLog log{std::move(pipe.write)};
        act(log);
    }
    return read_all(pipe.read.get(), "the log");
}

TEST(FlowLog, ALineHoldsTheWholeFlow) {
    FlowRecord record = record_to("2001:db8::7", 443, FlowRecord::Verdict::allowed);
    record.source = {parse_ip_address("fd00::15").value(), 40001};
    record.name = "example.org";
    record.sent = 517;
    record.received = 4096;
    record.start = std::chrono::system_clock::time_point{std::chrono::milliseconds{1'700'000'000'042}};
    record.duration = std::chrono::microseconds{1'500'007};
    EXPECT_EQ(written_by([&](FlowLog& log) { log.add(record); }),
              R"({"time":"2023-11-14T22:13:20.042Z","protocol":"tcp","source":"[fd00::15]:40001",)"
              R"("destination":"[2001:db8::7]:443","name":"example.org","sent":517,"received":4096,)"
              R"("duration":1.500007,"verdict":"allowed"})"
              "\n");
}

TEST(FlowLog, UnknownNamesAndUnpublishedPortsAreLeftOut) {
    FlowRecord record = record_to("192.0.2.7", 80, FlowRecord::Verdict::failed);
    const std::string plain = written_by([&](FlowLog& log) { log.add(record); });
    EXPECT_EQ(plain.find("name"), std::string::npos);
    EXPECT_EQ(plain.find("published"), std::string::npos);
    EXPECT_NE(plain.find(R"("verdict":"failed"})"), std::string::npos);
    record.published = true;
    EXPECT_NE(written_by([&](FlowLog& log) { log.add(record); }).find(R"("published":true})"),
              std::string::npos);
}

TEST(FlowLog, EchoRequestsHaveNoPorts) {
    FlowRecord record = denied_to("192.0.2.7", 0);
    record.protocol = Protocol::icmp;
    record.source.port = 0;
    const std::string line = written_by([&](FlowLog& log) { log.add(record); });
    EXPECT_NE(line.find(R"("protocol":"icmp","source":"10.0.2.15","destination":"192.0.2.7",)"),
              std::string::npos)
        << line;
}

TEST(FlowLog, ADeniedQuestionIsALineOfItsOwn) {
    const std::string line = written_by([](FlowLog& log) { log.add_denied_name("evil.example"); });
    EXPECT_NE(line.find(R"("protocol":"dns","name":"evil.example","verdict":"denied"})"), std::string::npos);
}

TEST(FlowLog, EachLineIsOneWrite) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const UniqueFd reader{ends[0]};
    FlowLog log{UniqueFd{ends[1]}};
    log.add(denied_to("192.0.2.7", 443));
    log.add_denied_name("evil.example");
    char buffer[4096];
    const ssize_t first = ::read(reader.get(), buffer, sizeof buffer);
    ASSERT_GT(first, 0);
    EXPECT_EQ(buffer[0], '{');
    EXPECT_EQ(buffer[first - 1], '\n');
    EXPECT_EQ(std::count(buffer, buffer + first, '\n'), 1);
}

TEST(FlowLog, AFullDiskEndsTheLogAndNothingElse) {
    UniqueFd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    ASSERT_TRUE(full.valid());
    FlowLog log{std::move(full)};
    EXPECT_TRUE(log.is_wanted());
    log.add(denied_to("192.0.2.7", 443));
    EXPECT_FALSE(log.is_wanted());
    EXPECT_EQ(log.failure(), "No space left on device");
    log.add(denied_to("192.0.2.7", 443));
    EXPECT_EQ(log.summary(), "denied: 2 attempts at 1 place (192.0.2.7:443 x 2)");
}

TEST(FlowLog, ALineThatDoesNotFitEndsTheLog) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    const UniqueFd reader{ends[0]};
    UniqueFd writer{ends[1]};
    const std::string filler(4096, 'x');
    while (::write(writer.get(), filler.data(), filler.size()) > 0) {
    }
    FlowLog log{std::move(writer)};
    log.add_denied_name("evil.example");
    EXPECT_FALSE(log.is_wanted());
    EXPECT_FALSE(log.failure().empty());
}

TEST(FlowLog, WithoutDenialsThereIsNoSummary) {
    FlowLog log{UniqueFd{}};
    EXPECT_FALSE(log.is_wanted());
    log.add(record_to("192.0.2.7", 443, FlowRecord::Verdict::allowed));
    log.add(record_to("192.0.2.7", 443, FlowRecord::Verdict::failed));
    EXPECT_EQ(log.summary(), "");
}

TEST(FlowLog, TheSummaryNamesThePlacesWithMost) {
    FlowLog log{UniqueFd{}};
    for (int i = 0; i < 9; ++i) {
        log.add(denied_to("192.0.2.7", 443));
    }
    log.add_denied_name("evil.example");
    log.add_denied_name("evil.example");
    FlowRecord named = denied_to("192.0.2.9", 22);
    named.name = "bad.example";
    for (int i = 0; i < 3; ++i) {
        log.add(named);
    }
    log.add(denied_to("192.0.2.8", 22));
    log.add(denied_to("192.0.2.8", 23));
    EXPECT_EQ(
        log.summary(),
        "denied: 16 attempts at 5 places (192.0.2.7:443 x 9, bad.example:22 x 3, evil.example x 2, 2 more)");
}

TEST(FlowLog, TheSummaryIsBoundedAndPrintable) {
    FlowLog log{UniqueFd{}};
    for (std::size_t i = 0; i < FlowLog::most_places + 10; ++i) {
        log.add_denied_name("n" + std::to_string(i) + ".example");
    }
    for (int i = 0; i < 3; ++i) {
        log.add_denied_name("n0.example");
    }
    EXPECT_EQ(log.summary().find("denied: 1037 attempts at over 1024 places (n0.example x 4, "), 0U)
        << log.summary();
    FlowLog hostile{UniqueFd{}};
    hostile.add_denied_name("\x1b]0;owned\x07.example");
    EXPECT_EQ(hostile.summary().find('\x1b'), std::string::npos);
}

} // namespace

} // namespace sandbox::net
