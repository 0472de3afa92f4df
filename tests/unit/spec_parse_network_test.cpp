// SPDX-License-Identifier: Apache-2.0
// The values of the network's options: what each form means, and what is refused with which words.
#include "spec/parse.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::contains;
using test::failure_of;
using test::refuses;

TEST(NetEngineOption, EveryOneIsTakenAndOthersAreListed) {
    EXPECT_EQ(parse_net_engine("auto"), NetEngine::automatic);
    EXPECT_EQ(parse_net_engine("slirp"), NetEngine::slirp);
    EXPECT_EQ(parse_net_engine("splice"), NetEngine::splice);
    for (const char* text : {"", "Auto", "pasta", "splice "}) {
        EXPECT_TRUE(refuses([&] { parse_net_engine(text); }, "--net-engine", text)) << text;
    }
    EXPECT_TRUE(contains(failure_of([] { parse_net_engine("x"); }).hint, "auto, slirp, splice"));
}

TEST(DnsOption, IsAnAddressOfEitherVersion) {
    EXPECT_EQ(to_string(parse_nameserver("9.9.9.9")), "9.9.9.9");
    EXPECT_EQ(to_string(parse_nameserver("127.0.0.53")), "127.0.0.53");
    EXPECT_EQ(to_string(parse_nameserver("2620:fe::fe")), "2620:fe::fe");
}

TEST(DnsOption, AnythingElseIsRefused) {
    for (const char* text : {"", "dns.example", "9.9.9", "9.9.9.9:53", "[::1]", "0.0.0.0", "::", "none",
                             "fe80::1%eth0", "9.9.9.9 "}) {
        EXPECT_TRUE(refuses([&] { parse_nameserver(text); }, "--dns", text, "not an IP address")) << text;
    }
    EXPECT_FALSE(failure_of([] { parse_nameserver("x"); }).hint.empty());
}

TEST(DnsSearchOption, IsADomainOrADotForNone) {
    EXPECT_EQ(parse_search_domain("Example.ORG."), "example.org");
    EXPECT_EQ(parse_search_domain("corp"), "corp");
    EXPECT_EQ(parse_search_domain("."), ".");
}

// Its words become a line of resolv.conf: nothing in them may begin another.
TEST(DnsSearchOption, AnythingElseIsRefused) {
    for (const char* text : {"", "..", "a b", "a\nnameserver 192.0.2.1", "*.example.org", "a..b", "a/b"}) {
        EXPECT_TRUE(refuses([&] { parse_search_domain(text); }, "--dns-search", "not a domain name")) << text;
    }
}

TEST(AddHostOption, IsANameAndAnAddress) {
    const auto text_of = [](std::string_view text) {
        const HostEntry entry = parse_host_entry(text);
        return entry.name + " " + to_string(entry.address);
    };
    EXPECT_EQ(text_of("db:192.0.2.7"), "db 192.0.2.7");
    EXPECT_EQ(text_of("DB.Example.org.:192.0.2.7"), "db.example.org 192.0.2.7");
    EXPECT_EQ(text_of("db:2001:db8::7"), "db 2001:db8::7");
    EXPECT_EQ(text_of("db:[2001:db8::7]"), "db 2001:db8::7");
    EXPECT_EQ(text_of("db:::1"), "db ::1");
    EXPECT_EQ(text_of("blocked.example:0.0.0.0"), "blocked.example 0.0.0.0");
    EXPECT_EQ(text_of("host:host-gateway"), "host 10.0.2.2");
}

// Its words become a line of /etc/hosts: nothing in them may begin another.
TEST(AddHostOption, AnythingElseIsRefused) {
    for (const char* text :
         {"", ":", "db", "db:", ":192.0.2.7", "db:192.0.2", "db:other", "a b:192.0.2.7", "a\nb:192.0.2.7",
          "db:192.0.2.7\n", "db=192.0.2.7", "*.a:192.0.2.7", "db:[192.0.2.7]", "db:[host-gateway]", "db:[::1",
          "db:::1]", "db:HOST-GATEWAY", "db:192.0.2.7:80"}) {
        EXPECT_TRUE(refuses([&] { parse_host_entry(text); }, "--add-host", "NAME:IP")) << text;
    }
}

TEST(MtuOption, IsWhatBothIpv6AndLibslirpTake) {
    EXPECT_EQ(parse_mtu("1280"), 1280U);
    EXPECT_EQ(parse_mtu("1500"), 1500U);
    EXPECT_EQ(parse_mtu("65520"), 65520U);
    for (const char* text :
         {"", "0", "1279", "65521", "-1500", "+1500", "1500b", "1.5k", "18446744073709551617"}) {
        EXPECT_TRUE(refuses([&] { parse_mtu(text); }, "--mtu", text, "1280 to 65520")) << text;
    }
}

// A configuration file can hold any byte.
TEST(NetworkOptions, ANulIsNeverTaken) {
    const auto with_nul = [](std::string text) { return text + std::string(1, '\0'); };
    EXPECT_TRUE(refuses([&] { parse_nameserver(with_nul("9.9.9.9")); }, "--dns", "\\x00"));
    EXPECT_TRUE(refuses([&] { parse_search_domain(with_nul("a")); }, "--dns-search", "\\x00"));
    EXPECT_TRUE(refuses([&] { parse_host_entry(with_nul("db:192.0.2.7")); }, "--add-host", "\\x00"));
    EXPECT_TRUE(refuses([&] { parse_mtu(with_nul("1500")); }, "--mtu", "\\x00"));
}

} // namespace
} // namespace sandbox
