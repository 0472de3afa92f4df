// SPDX-License-Identifier: Apache-2.0
// sandbox-net's arguments.
#include "net/settings.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/error.hpp"

namespace sandbox::net {
namespace {

Settings parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "sandbox-net");
    std::vector<char*> pointers;
    for (std::string& argument : arguments) {
        pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    return parse_settings(static_cast<int>(arguments.size()), pointers.data());
}

Settings parse_with_fds(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--tap-fd", "3", "--control-fd", "4"});
    return parse(arguments);
}

TEST(NetSettings, TheDescriptorsOfTapAndReportAreEnough) {
    const Settings settings = parse_with_fds({});
    EXPECT_EQ(settings.tap_fd, 3);
    EXPECT_EQ(settings.control_fd, 4);
    EXPECT_EQ(settings.mtu, 65520U);
    EXPECT_TRUE(settings.ipv6);
    EXPECT_FALSE(settings.host_loopback);
    EXPECT_EQ(settings.fds(), (std::vector<int>{3, 4}));
}

TEST(NetSettings, EveryOptionIsRead) {
    const Settings settings = parse_with_fds(
        {"--net-log-fd", "5", "--pcap-fd", "6", "--mtu", "1500", "--no-ipv6", "--host-loopback", "--allow",
         "example.org:443", "--allow", "192.0.2.0/24", "--publish", "udp:7:53", "--publish", "tcp:8:80"});
    EXPECT_EQ(settings.mtu, 1500U);
    EXPECT_FALSE(settings.ipv6);
    EXPECT_TRUE(settings.host_loopback);
    ASSERT_EQ(settings.allow.size(), 2U);
    EXPECT_EQ(settings.allow[0].port, 443);
    ASSERT_EQ(settings.published.size(), 2U);
    EXPECT_EQ(settings.published[0].transport, Transport::udp);
    EXPECT_EQ(settings.published[0].fd, 7);
    EXPECT_EQ(settings.published[0].port, 53);
    EXPECT_EQ(settings.published[1].transport, Transport::tcp);
    EXPECT_EQ(settings.fds(), (std::vector<int>{3, 4, 5, 6, 7, 8}));
}

TEST(NetSettings, WhatIsMissingOrWrongIsRefused) {
    const std::vector<std::vector<std::string>> wrong = {
        {"--mtu", "1279"},
        {"--mtu", "65521"},
        {"--mtu", ""},
        {"--net-log-fd", "2"},
        {"--net-log-fd", "-1"},
        {"--net-log-fd", "3"},
        {"--pcap-fd", "x"},
        {"--publish", "udp:7"},
        {"--publish", "sctp:7:53"},
        {"--publish", "udp:7:0"},
        {"--publish", "udp:7:65536"},
        {"--publish", "udp:1:53"},
        {"--publish", "udp:4:53"},
        {"--allow", "no host"},
        {"--unknown"},
        {"--mtu"},
        {"extra"},
    };
    for (const auto& arguments : wrong) {
        EXPECT_THROW(parse_with_fds(arguments), UsageError) << arguments.front() << " " << arguments.back();
    }
    EXPECT_THROW(parse({}), UsageError);
    EXPECT_THROW(parse({"--tap-fd", "3"}), UsageError);
}

} // namespace
} // namespace sandbox::net
