// SPDX-License-Identifier: Apache-2.0
// Addresses read, printed, classified, and held against prefixes.
#include "base/ip_address.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <set>
#include <unordered_set>

namespace sandbox {
namespace {

IpAddress address(std::string_view text) {
    const auto parsed = parse_ip_address(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(IpAddress{});
}

IpPrefix prefix(std::string_view text) {
    const auto parsed = parse_ip_prefix(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(IpPrefix{});
}

TEST(IpAddress, WithoutAValueIsTheUnspecifiedOne) {
    EXPECT_EQ(to_string(IpAddress{}), "0.0.0.0");
    EXPECT_FALSE(IpAddress{}.is_ipv6());
}

TEST(IpAddress, IsPrintedAsItIsRead) {
    for (const char* text : {"0.0.0.0", "10.0.2.15", "255.255.255.255", "::", "::1", "fd00::15",
                             "2001:db8::1", "2001:db8:0:1:2:3:4:5", "::ffff:192.0.2.1"}) {
        EXPECT_EQ(to_string(address(text)), text);
    }
    EXPECT_EQ(to_string(address("2001:DB8:0:0:0:0:0:A")), "2001:db8::a");
}

TEST(IpAddress, HoldsItsBytesInNetworkOrder) {
    const auto ipv4 = address("1.2.3.4");
    EXPECT_EQ((std::vector<int>{ipv4.bytes().begin(), ipv4.bytes().end()}), (std::vector<int>{1, 2, 3, 4}));
    const auto ipv6 = address("102:304::ff");
    ASSERT_EQ(ipv6.bytes().size(), 16U);
    EXPECT_EQ(ipv6.bytes()[0], 1);
    EXPECT_EQ(ipv6.bytes()[3], 4);
    EXPECT_EQ(ipv6.bytes()[15], 0xff);
}

TEST(IpAddress, WhatIsNoneIsNotTaken) {
    for (const char* text :
         {"",          " ",        "1",        "1.2.3",     "1.2.3.4.5", "1.2.3.256", "1.2.3.-4",
          " 1.2.3.4",  "1.2.3.4 ", "01.2.3.4", "0x1.2.3.4", "[::1]",     "::1%lo",    "fe80::1%eth0",
          ":",         ":::",      "1::2::3",  "12345::",   "::g",       "localhost", "1.2.3.4/24",
          "1.2.3.4:80"}) {
        EXPECT_FALSE(parse_ip_address(text)) << text;
    }
}

// inet_pton(3) ends at a NUL: what follows would be taken without having been read.
TEST(IpAddress, NothingHidesBehindANul) {
    EXPECT_FALSE(parse_ip_address(std::string_view{"1.2.3.4\0.5", 10}));
    EXPECT_FALSE(parse_ip_address(std::string_view{"::1\0", 4}));
    EXPECT_FALSE(parse_ip_prefix(std::string_view{"1.2.3.4\0x/8", 11}));
}

TEST(IpAddress, LoopbackIsKnownInEveryForm) {
    for (const char* text : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:127.9.9.9"}) {
        EXPECT_TRUE(address(text).is_loopback()) << text;
    }
    for (const char* text : {"126.255.255.255", "128.0.0.0", "0.0.0.0", "::", "::2", "::7f00:1", "1::1",
                             "::ffff:128.0.0.1", "7f00::1"}) {
        EXPECT_FALSE(address(text).is_loopback()) << text;
    }
}

TEST(IpAddress, LinkLocalIsKnownInEveryForm) {
    for (const char* text : {"169.254.0.0", "169.254.169.254", "169.254.255.255", "fe80::", "fe80::1",
                             "febf:ffff::", "::ffff:169.254.169.254"}) {
        EXPECT_TRUE(address(text).is_link_local()) << text;
    }
    for (const char* text :
         {"169.253.255.255", "169.255.0.0", "168.254.0.1", "fe7f:ffff::", "fec0::", "ff02::1"}) {
        EXPECT_FALSE(address(text).is_link_local()) << text;
    }
}

TEST(IpAddress, OnlyZerosAreUnspecified) {
    EXPECT_TRUE(address("0.0.0.0").is_unspecified());
    EXPECT_TRUE(address("::").is_unspecified());
    EXPECT_FALSE(address("0.0.0.1").is_unspecified());
    EXPECT_FALSE(address("::1").is_unspecified());
    EXPECT_FALSE(address("1::").is_unspecified());
}

TEST(IpAddress, OnlyTheMappedFormIsUnmapped) {
    EXPECT_EQ(address("::ffff:192.0.2.1").unmapped(), address("192.0.2.1"));
    EXPECT_EQ(address("192.0.2.1").unmapped(), address("192.0.2.1"));
    for (const char* text : {"::192.0.2.1", "64:ff9b::192.0.2.1", "::fffe:c000:201", "1::ffff:192.0.2.1"}) {
        EXPECT_EQ(address(text).unmapped(), address(text)) << text;
        EXPECT_TRUE(address(text).unmapped().is_ipv6()) << text;
    }
}

TEST(IpAddress, VersionsNeverCompareEqual) {
    EXPECT_NE(address("0.0.0.0"), address("::"));
    EXPECT_NE(address("1.2.3.4"), address("102:304::"));
    EXPECT_NE(address("192.0.2.1"), address("::ffff:192.0.2.1"));
    const std::set<IpAddress> ordered{address("::"), address("0.0.0.0"), address("::"), address("10.0.0.1")};
    EXPECT_EQ(ordered.size(), 3U);
}

TEST(IpAddress, IsAKeyOfAHashTable) {
    const std::unordered_set<IpAddress> addresses{address("::1"), address("127.0.0.1"), address("::1")};
    EXPECT_EQ(addresses.size(), 2U);
    EXPECT_TRUE(addresses.contains(address("127.0.0.1")));
    const std::unordered_set<Endpoint> endpoints{
        {address("::1"), 1}, {address("::1"), 2}, {address("::1"), 1}};
    EXPECT_EQ(endpoints.size(), 2U);
}

TEST(Endpoint, IsPrintedWithItsPort) {
    EXPECT_EQ(to_string(Endpoint{address("192.0.2.1"), 80}), "192.0.2.1:80");
    EXPECT_EQ(to_string(Endpoint{address("::1"), 65535}), "[::1]:65535");
    EXPECT_EQ(to_string(Endpoint{}), "0.0.0.0:0");
}

TEST(SocketAddress, IsWhatTheKernelTakes) {
    const SocketAddress ipv4{Endpoint{address("192.0.2.1"), 0x1234}};
    const auto* in = reinterpret_cast<const sockaddr_in*>(ipv4.get());
    EXPECT_EQ(ipv4.size, sizeof(sockaddr_in));
    EXPECT_EQ(in->sin_family, AF_INET);
    EXPECT_EQ(ntohs(in->sin_port), 0x1234);
    EXPECT_EQ(ntohl(in->sin_addr.s_addr), 0xc0000201U);

    const SocketAddress ipv6{Endpoint{address("fd00::15"), 53}};
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(ipv6.get());
    EXPECT_EQ(ipv6.size, sizeof(sockaddr_in6));
    EXPECT_EQ(in6->sin6_family, AF_INET6);
    EXPECT_EQ(ntohs(in6->sin6_port), 53);
    EXPECT_EQ(in6->sin6_addr.s6_addr[0], 0xfd);
    EXPECT_EQ(in6->sin6_addr.s6_addr[15], 0x15);
    EXPECT_EQ(in6->sin6_scope_id, 0U);
}

TEST(SocketAddress, LeadsBackToItsEndpoint) {
    for (const char* text : {"0.0.0.0", "192.0.2.1", "::", "2001:db8::7"}) {
        const Endpoint endpoint{address(text), 4711};
        EXPECT_EQ(SocketAddress{endpoint}.endpoint(), endpoint) << text;
    }
}

// A socket of both versions reports IPv4 peers in the mapped form, and rules are about the peer.
TEST(SocketAddress, AMappedPeerIsAnIpv4Peer) {
    const SocketAddress mapped{Endpoint{address("::ffff:192.0.2.1"), 80}};
    EXPECT_EQ(mapped.endpoint(), (Endpoint{address("192.0.2.1"), 80}));
}

TEST(SocketAddress, OfAnotherFamilyIsNowhere) {
    SocketAddress local;
    EXPECT_EQ(local.endpoint(), Endpoint{});
    local.get()->sa_family = AF_UNIX;
    EXPECT_EQ(local.endpoint(), Endpoint{});
}

TEST(IpPrefix, ContainsWhatSharesItsBits) {
    EXPECT_TRUE(prefix("192.0.2.0/24").contains(address("192.0.2.255")));
    EXPECT_FALSE(prefix("192.0.2.0/24").contains(address("192.0.3.0")));
    EXPECT_TRUE(prefix("192.0.2.128/25").contains(address("192.0.2.128")));
    EXPECT_FALSE(prefix("192.0.2.128/25").contains(address("192.0.2.127")));
    EXPECT_TRUE(prefix("10.0.0.0/7").contains(address("11.255.255.255")));
    EXPECT_FALSE(prefix("10.0.0.0/7").contains(address("12.0.0.0")));
    EXPECT_TRUE(prefix("2001:db8::/33").contains(address("2001:db8:7fff::1")));
    EXPECT_FALSE(prefix("2001:db8::/33").contains(address("2001:db8:8000::")));
    EXPECT_TRUE(prefix("::/127").contains(address("::1")));
    EXPECT_FALSE(prefix("::/127").contains(address("::2")));
}

TEST(IpPrefix, OfNoBitsContainsItsVersionOnly) {
    EXPECT_TRUE(prefix("0.0.0.0/0").contains(address("255.255.255.255")));
    EXPECT_FALSE(prefix("0.0.0.0/0").contains(address("::")));
    EXPECT_TRUE(prefix("::/0").contains(address("ffff::ffff")));
    EXPECT_FALSE(prefix("::/0").contains(address("0.0.0.0")));
}

TEST(IpPrefix, OfAllBitsContainsItsAddressOnly) {
    for (const char* text : {"192.0.2.7", "192.0.2.7/32"}) {
        EXPECT_TRUE(prefix(text).contains(address("192.0.2.7"))) << text;
        EXPECT_FALSE(prefix(text).contains(address("192.0.2.6"))) << text;
    }
    for (const char* text : {"fd00::15", "fd00::15/128"}) {
        EXPECT_TRUE(prefix(text).contains(address("fd00::15"))) << text;
        EXPECT_FALSE(prefix(text).contains(address("fd00::14"))) << text;
    }
}

TEST(IpPrefix, BitsBelowTheMaskSayNothing) {
    EXPECT_TRUE(prefix("192.0.2.77/24").contains(address("192.0.2.1")));
    EXPECT_TRUE(prefix("fd00::1/64").contains(address("fd00::ffff")));
}

TEST(IpPrefix, WhatIsNoneIsNotTaken) {
    for (const char* text : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8",
                             "10.0.0.0/8/8", "10.0.0.0/8 ", "10/8", "::/129", "::/", "fd00::/64x",
                             "10.0.0.0/255.0.0.0", "10.0.0.0/18446744073709551624"}) {
        EXPECT_FALSE(parse_ip_prefix(text)) << text;
    }
}

} // namespace
} // namespace sandbox
