// SPDX-License-Identifier: Apache-2.0
// Which name servers the host's resolv.conf names.
#include "net/resolv_conf.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sandbox::net {

namespace {

std::string servers_of(std::string_view resolv_conf) {
    std::string list;
    for (const Endpoint& server : nameservers(resolv_conf)) {
        list += (list.empty() ? "" : " ") + to_string(server);
    }
    return list;
}

TEST(ResolvConf, NameserversAreKeptInOrder) {
    EXPECT_EQ(servers_of("nameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 127.0.0.53\n"),
              "192.0.2.1:53 [2001:db8::1]:53 127.0.0.53:53");
}

TEST(ResolvConf, EverythingElseIsLeftOut) {
    EXPECT_EQ(servers_of("# nameserver 192.0.2.9\nsearch example.org\nnameserver\t192.0.2.1  # x\n"
                         "options edns0\nnameservers 192.0.2.8\n nameserver 192.0.2.7\n"),
              "192.0.2.1:53");
}

TEST(ResolvConf, TheLastLineNeedsNoNewline) {
    EXPECT_EQ(servers_of("nameserver 192.0.2.1"), "192.0.2.1:53");
}

TEST(ResolvConf, AnAddressWithZoneIsLeftOut) {
    EXPECT_EQ(servers_of("nameserver fe80::1%eth0\nnameserver 192.0.2.1\n"), "192.0.2.1:53");
}

TEST(ResolvConf, WhatIsNoAddressIsLeftOut) {
    EXPECT_EQ(servers_of("nameserver dns.example\nnameserver 192.0.2.1\r\n"), "192.0.2.1:53");
}

TEST(ResolvConf, ACarriageReturnIsABlank) {
    EXPECT_EQ(servers_of("nameserver 192.0.2.1\r x\r\n"), "192.0.2.1:53");
}

// Found by fuzzing: what stood behind the NUL was kept without having been read.
TEST(ResolvConf, NothingHidesBehindANul) {
    EXPECT_EQ(servers_of(std::string_view{"nameserver 192.0.2.9\0x\nnameserver 192.0.2.1\n", 44}),
              "192.0.2.1:53");
}

TEST(ResolvConf, WithoutNameserverTheLocalMachineIsAsked) {
    EXPECT_EQ(servers_of(""), "127.0.0.1:53 [::1]:53");
    EXPECT_EQ(servers_of("search example.org\nnameserver\n"), "127.0.0.1:53 [::1]:53");
}

} // namespace

} // namespace sandbox::net
