// SPDX-License-Identifier: Apache-2.0
// The values of --allow and --publish: what each form means, and what is refused with which words.
#include "base/network_rules.hpp"

#include "support.hpp"

namespace sandbox {
namespace {

using test::contains;
using test::failure_of;
using test::refuses;

AllowRule allow(std::string_view text) {
    return parse_allow_rule("--allow", text);
}

PublishRule publish(std::string_view text) {
    return parse_publish_rule("--publish", text);
}

/// "name", "*.name" or "address/bits", and ":port".
std::string meaning(const AllowRule& rule) {
    const std::string port = ":" + std::to_string(rule.port);
    if (const auto* name = std::get_if<NamePattern>(&rule.host)) {
        return (name->below ? "*." : "") + name->name + port;
    }
    const auto& prefix = std::get<IpPrefix>(rule.host);
    return to_string(prefix.address) + "/" + std::to_string(prefix.bits) + port;
}

/// "address host_port->port x count transport"
std::string meaning(const PublishRule& rule) {
    return to_string(rule.address) + " " + std::to_string(rule.host_port) + "->" + std::to_string(rule.port) +
           " x" + std::to_string(rule.count) + (rule.transport == Transport::udp ? " udp" : " tcp");
}

struct Example {
    const char* text;
    const char* meaning;
};

TEST(AllowRule, NamesAreCanonical) {
    for (const auto& [text, wanted] :
         std::initializer_list<Example>{{"example.org", "example.org:0"},
                                        {"Example.ORG.", "example.org:0"},
                                        {"localhost", "localhost:0"},
                                        {"_srv.my-host", "_srv.my-host:0"},
                                        {"1.2.3.4.example", "1.2.3.4.example:0"},
                                        {"xn--bcher-kva.example", "xn--bcher-kva.example:0"}}) {
        EXPECT_EQ(meaning(allow(text)), wanted) << text;
    }
}

TEST(AllowRule, AStarStandsForWhatIsBelow) {
    EXPECT_EQ(meaning(allow("*.example.org")), "*.example.org:0");
    EXPECT_EQ(meaning(allow("*.org:443")), "*.org:443");
}

TEST(AllowRule, AStarStandsNowhereElse) {
    for (const char* text : {"*", "*.", "*.*", "*.*.org", "a.*.org", "example.*", "*example.org", "**.org",
                             "*.192.0.2.1", "*.192.0.2.0/24", "*.::1"}) {
        EXPECT_TRUE(refuses([&] { allow(text); }, "--allow", text)) << text;
    }
}

TEST(AllowRule, AddressesAndBlocksMayHaveAPort) {
    for (const auto& [text, wanted] : std::initializer_list<Example>{
             {"192.0.2.1", "192.0.2.1/32:0"},
             {"192.0.2.1:443", "192.0.2.1/32:443"},
             {"192.0.2.0/24", "192.0.2.0/24:0"},
             {"192.0.2.0/24:65535", "192.0.2.0/24:65535"},
             {"0.0.0.0/0:53", "0.0.0.0/0:53"},
             {"2001:db8::1", "2001:db8::1/128:0"},
             {"[2001:db8::1]", "2001:db8::1/128:0"},
             {"[2001:db8::1]:443", "2001:db8::1/128:443"},
             {"2001:db8::/32", "2001:db8::/32:0"},
             {"[2001:db8::/32]:1", "2001:db8::/32:1"},
             {"::/0", "::/0:0"},
         }) {
        EXPECT_EQ(meaning(allow(text)), wanted) << text;
    }
}

// Four digits after the last colon are a part of the address: only brackets tell a port.
TEST(AllowRule, AnIpv6AddressWithoutBracketsHasNoPort) {
    EXPECT_EQ(meaning(allow("2001:db8::1:443")), "2001:db8::1:443/128:0");
}

TEST(AllowRule, AMappedAddressIsTheIpv4One) {
    EXPECT_EQ(meaning(allow("::ffff:192.0.2.1")), "192.0.2.1/32:0");
    EXPECT_EQ(meaning(allow("[::ffff:192.0.2.0/120]:80")), "192.0.2.0/24:80");
    EXPECT_EQ(meaning(allow("::ffff:0.0.0.0/96")), "0.0.0.0/0:0");
    EXPECT_EQ(meaning(allow("::ffff:0.0.0.0/95")), "::ffff:0.0.0.0/95:0");
}

TEST(AllowRule, KeepsTheUsersWords) {
    EXPECT_EQ(allow("Example.ORG.:443").text, "Example.ORG.:443");
}

TEST(AllowRule, APortIsANumberFromOne) {
    for (const char* text :
         {"example.org:", "example.org:0", "example.org:65536", "example.org:http", "example.org:-1",
          "example.org:+1", "example.org: 80", "192.0.2.1:80-90", "[::1]:", "[::1]:0", "192.0.2.0/24:"}) {
        EXPECT_TRUE(refuses([&] { allow(text); }, "--allow", text, "port")) << text;
    }
}

TEST(AllowRule, BracketsHoldAnIpv6AddressAndAreFollowedByAPort) {
    EXPECT_TRUE(refuses([] { allow("[2001:db8::]/32"); }, "inside the brackets"));
    EXPECT_TRUE(refuses([] { allow("[::1]80"); }, ":PORT"));
    for (const char* text :
         {"[example.org]:443", "[*.example.org]", "[192.0.2.1]:80", "[]", "[]:80", "[fe80::1%lo]",
          "[2001:db8::/129]", "[2001:db8::/]", "[::1", "::1]", "[[::1]]"}) {
        EXPECT_TRUE(refuses([&] { allow(text); }, "--allow", text)) << text;
    }
}

// inet_aton(3) would read "127.1" and "2130706433" as 127.0.0.1: neither is a name, and neither is meant as
// one.
TEST(AllowRule, WhatIsNearlyAnAddressIsNoName) {
    for (const char* text :
         {"127.1", "2130706433", "192.0.2.256", "192.0.2.1.", "192.0.2.0/33", "10/8",
          "192.0.2.0/255.255.255.0", "example.org/24", "2001:db8::g", "fe80::1%eth0", "1:2:3"}) {
        EXPECT_TRUE(refuses([&] { allow(text); }, "--allow", text)) << text;
    }
}

TEST(AllowRule, WhatIsNoHostIsRefused) {
    for (const char* text :
         {"", ".", "..", "a..b", ".example.org", "example..", "a b", "a/b", "bücher.example",
          "https://example.org", "user@example.org", "example.org,example.net", ":443", ":"}) {
        EXPECT_TRUE(refuses([&] { allow(text); }, "--allow", text)) << text;
    }
    EXPECT_TRUE(refuses([] { allow(std::string_view{"a\0b", 3}); }, "--allow", "\\x00"));
    EXPECT_TRUE(contains(failure_of([] { allow("a b"); }).hint, "HOST[:PORT]"));
}

TEST(CanonicalName, LabelsAndNamesHaveTheirLengths) {
    const std::string label(63, 'a');
    EXPECT_TRUE(canonical_name(label));
    EXPECT_FALSE(canonical_name(label + "a"));
    const std::string name = label + "." + label + "." + label + "." + std::string(61, 'b');
    ASSERT_EQ(name.size(), 253U);
    EXPECT_EQ(canonical_name(name), name);
    EXPECT_EQ(canonical_name(name + "."), name);
    EXPECT_FALSE(canonical_name(name + "b"));
}

TEST(CanonicalName, IsInLowerCaseWithoutTheFinalDot) {
    EXPECT_EQ(canonical_name("WWW.Example.org."), "www.example.org");
    EXPECT_EQ(canonical_name("[x"), std::nullopt);
    EXPECT_EQ(canonical_name("@"), std::nullopt); // what lies around 'A' to 'Z' is no letter
    EXPECT_EQ(canonical_name(""), std::nullopt);
    EXPECT_EQ(canonical_name("."), std::nullopt);
}

TEST(PublishRule, EveryFormMeansWhatPodmanMeans) {
    for (const auto& [text, wanted] : std::initializer_list<Example>{
             {"8080:80", "127.0.0.1 8080->80 x1 tcp"},
             {"8080:80/tcp", "127.0.0.1 8080->80 x1 tcp"},
             {"5353:53/udp", "127.0.0.1 5353->53 x1 udp"},
             {"80", "127.0.0.1 0->80 x1 tcp"},
             {":80", "127.0.0.1 0->80 x1 tcp"},
             {"0:80", "127.0.0.1 0->80 x1 tcp"},
             {"80-89/udp", "127.0.0.1 0->80 x10 udp"},
             {"0:80-89", "127.0.0.1 0->80 x10 tcp"},
             {"0.0.0.0:8080:80", "0.0.0.0 8080->80 x1 tcp"},
             {"192.0.2.1::80", "192.0.2.1 0->80 x1 tcp"},
             {"[::1]:8080:80", "::1 8080->80 x1 tcp"},
             {"[::]::80/udp", ":: 0->80 x1 udp"},
             {"[::]:80", ":: 0->80 x1 tcp"},
             {"5000-5009:6000-6009", "127.0.0.1 5000->6000 x10 tcp"},
             {"7-7:9-9", "127.0.0.1 7->9 x1 tcp"},
             {"1-65535:1-65535", "127.0.0.1 1->1 x65535 tcp"},
         }) {
        EXPECT_EQ(meaning(publish(text)), wanted) << text;
    }
}

// A socket for IPv6 only, as ours are, does not take that address.
TEST(PublishRule, AMappedAddressIsTheIpv4One) {
    EXPECT_EQ(meaning(publish("[::ffff:127.0.0.1]:8080:80")), "127.0.0.1 8080->80 x1 tcp");
}

TEST(PublishRule, APortInsideIsNeverZero) {
    for (const char* text : {"8080:0", "0", "0:0", "8080:", "", ":", "8080:0-9", "8080:x", "8080:65536",
                             "8080:80-", "8080:-80", "8080:90-80", "8080:+80", "8080:80 "}) {
        EXPECT_TRUE(refuses([&] { publish(text); }, "--publish", text, "PORT")) << text;
    }
}

TEST(PublishRule, APortOutsideIsANumberOrARange) {
    for (const char* text :
         {"x:80", "65536:80", "-1:80", "0-9:80-89", "9-5:80-84", "127.0.0.1:80", " 1:80"}) {
        EXPECT_TRUE(refuses([&] { publish(text); }, "--publish", text, "HOSTPORT")) << text;
    }
}

TEST(PublishRule, BothRangesHaveOneLength) {
    for (const char* text : {"8080:80-81", "8080-8081:80", "5000-5009:6000-6008"}) {
        EXPECT_TRUE(refuses([&] { publish(text); }, "--publish", text, "differ in length")) << text;
    }
}

TEST(PublishRule, OnlyTcpAndUdpArePublished) {
    for (const char* text : {"8080:80/sctp", "8080:80/TCP", "8080:80/", "8080:80/tcp/udp"}) {
        EXPECT_TRUE(refuses([&] { publish(text); }, "--publish", text)) << text;
    }
    EXPECT_TRUE(refuses([] { publish("8080:80/sctp"); }, "tcp or udp"));
}

TEST(PublishRule, TheAddressIsANumericOne) {
    for (const char* text : {"localhost:8080:80", "1.2.3:8080:80", "::80", "[::1]8080:80", "[::1]", "[]:1:2",
                             "[::1:1:2", "[localhost]:1:2", "::1:8080:80", "[fe80::1%lo]:1:2"}) {
        EXPECT_TRUE(refuses([&] { publish(text); }, "--publish", text)) << text;
    }
    EXPECT_TRUE(refuses([] { publish("::1:8080:80"); }, "in brackets"));
    EXPECT_TRUE(contains(failure_of([] { publish("x"); }).hint, "8080:80"));
}

} // namespace
} // namespace sandbox
