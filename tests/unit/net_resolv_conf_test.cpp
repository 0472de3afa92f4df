// SPDX-License-Identifier: Apache-2.0
// What sandbox-net keeps of the host's resolv.conf.
#include "net/resolv_conf.hpp"

#include <gtest/gtest.h>

namespace sandbox::net {

namespace {

TEST(ResolvConf, NameserversAreKeptInOrder) {
    EXPECT_EQ(nameserver_lines("nameserver 192.0.2.1\nnameserver 2001:db8::1\n"),
              "nameserver 192.0.2.1\nnameserver 2001:db8::1\n");
}

TEST(ResolvConf, EverythingElseIsLeftOut) {
    EXPECT_EQ(nameserver_lines("# nameserver 192.0.2.9\nsearch example.org\nnameserver\t192.0.2.1  # x\n"
                               "options edns0\nnameservers 192.0.2.8\n"),
              "nameserver 192.0.2.1\n");
}

TEST(ResolvConf, TheLastLineNeedsNoNewline) {
    EXPECT_EQ(nameserver_lines("nameserver 192.0.2.1"), "nameserver 192.0.2.1\n");
}

TEST(ResolvConf, AnAddressWithZoneIsKept) {
    EXPECT_EQ(nameserver_lines("nameserver fe80::1%eth0\n"), "nameserver fe80::1%eth0\n");
}

TEST(ResolvConf, WhatIsNoAddressIsLeftOut) {
    EXPECT_EQ(nameserver_lines("nameserver dns.example\nnameserver 192.0.2.1\n"), "nameserver 192.0.2.1\n");
}

TEST(ResolvConf, WithoutNameserverTheLocalMachineIsAsked) {
    EXPECT_EQ(nameserver_lines(""), "nameserver 127.0.0.1\nnameserver ::1\n");
    EXPECT_EQ(nameserver_lines("search example.org\nnameserver\n"), "nameserver 127.0.0.1\nnameserver ::1\n");
}

} // namespace

} // namespace sandbox::net
