// SPDX-License-Identifier: Apache-2.0
// A forwarder with a client before it, by datagram or connection.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <optional>
#include <vector>

#include "net/addresses.hpp"
#include "net/dns_forwarder.hpp"
#include "net_dns_servers.hpp"

namespace sandbox::net {

class ForwarderTest : public ::testing::Test {
  protected:
    void make(std::initializer_list<const char*> rules = {}, std::size_t mtu_of_tap = 65520) {
        std::vector<AllowRule> parsed;
        for (const char* rule : rules) {
            parsed.push_back(parse_allow_rule("--allow", rule));
        }
        policy_.emplace(std::move(parsed), false);
        forwarder_.emplace(
            reactor_, [this](Bytes frame) { take(frame); }, *policy_, log_, mtu_of_tap);
    }
    void take(Bytes frame) {
        const Frame copy{frame.begin(), frame.end()};
        const auto packet = parse_packet(copy);
        ASSERT_TRUE(packet);
        EXPECT_EQ(packet->source, server_);
        EXPECT_EQ(packet->destination, client_);
        answers_.emplace_back(packet->payload.begin(), packet->payload.end());
    }
    void ask(const DnsMessage& query) {
        const Frame frame = make_datagram(client_, server_, query, MacAddress{});
        forwarder_->input(parse_packet(frame).value());
    }
    bool wait_for_answers(std::size_t count, std::chrono::milliseconds timeout = std::chrono::seconds{10}) {
        return run_until(
            reactor_, [&] { return answers_.size() >= count; }, timeout);
    }
    bool allows(const char* address) {
        return policy_->allows(Protocol::tcp, {parse_ip_address(address).value(), 443}, Clock::now());
    }

    /// A connection to the forwarder; it has the other end.
    UniqueFd connect() {
        int ends[2];
        check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), "make a stream");
        forwarder_->serve(UniqueFd{ends[1]});
        return UniqueFd{ends[0]};
    }
    static void send(int fd, const DnsMessage& message) {
        DnsMessage framed;
        put_word(framed, static_cast<unsigned>(message.size()));
        put_bytes(framed, message);
        ASSERT_EQ(::send(fd, framed.data(), framed.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(framed.size()));
    }
    /// Messages until `count` are there or the stream ends.
    std::vector<DnsMessage> receive(int fd, std::size_t count) {
        DnsMessage bytes;
        std::vector<DnsMessage> messages;
        bool has_ended = false;
        (void)run_until(reactor_, [&] {
            std::byte buffer[65536];
            const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
            has_ended = got == 0 || (got < 0 && errno != EAGAIN);
            bytes.insert(bytes.end(), buffer, buffer + std::max<ssize_t>(got, 0));
            while (bytes.size() >= 2 && bytes.size() >= 2 + word_of(bytes, 0)) {
                const auto end = bytes.begin() + 2 + word_of(bytes, 0);
                messages.emplace_back(bytes.begin() + 2, end);
                bytes.erase(bytes.begin(), end);
            }
            return has_ended || messages.size() >= count;
        });
        return messages;
    }
    bool is_closed(int fd) {
        char byte = 0;
        return run_until(reactor_, [&] {
            const ssize_t got = ::recv(fd, &byte, 1, 0);
            return got == 0 || (got < 0 && errno != EAGAIN);
        });
    }

    Reactor reactor_;
    FlowLog log_{UniqueFd{}};
    std::optional<Policy> policy_;
    std::optional<DnsForwarder> forwarder_;
    Endpoint client_{IpAddress{ipv4_guest}, 40000};
    Endpoint server_{IpAddress{ipv4_nameserver}, 53};
    std::vector<DnsMessage> answers_;
};

} // namespace sandbox::net
