// SPDX-License-Identifier: Apache-2.0
// Whom the inside may reach: rules, names learned from answers, and what no name opens.
#include "net/policy.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

namespace sandbox::net {

namespace {

using std::chrono::seconds;

const Clock::time_point start{std::chrono::hours{1}};

IpAddress address(const char* text) {
    return parse_ip_address(text).value();
}

Policy policy_of(std::initializer_list<const char*> rules, bool host_loopback = false) {
    std::vector<AllowRule> parsed;
    for (const char* rule : rules) {
        parsed.push_back(parse_allow_rule("--allow", rule));
    }
    return Policy{std::move(parsed), host_loopback};
}

bool allows(const Policy& policy, const char* to, std::uint16_t port = 443, Protocol protocol = Protocol::tcp,
            Clock::time_point now = start) {
    return policy.allows(protocol, {address(to), port}, now);
}

bool pings(const Policy& policy, const char* to) {
    return policy.allows(address(to).is_ipv6() ? Protocol::icmpv6 : Protocol::icmp, {address(to), 0}, start);
}

// ---- without an allow-list -------------------------------------------------------------------------------

TEST(Policy, WithoutRulesTheWorldIsOpen) {
    const Policy policy = policy_of({});
    EXPECT_FALSE(policy.is_restricted());
    EXPECT_TRUE(allows(policy, "192.0.2.1"));
    EXPECT_TRUE(allows(policy, "10.0.0.1"));
    EXPECT_TRUE(allows(policy, "2001:db8::1", 53, Protocol::udp));
    EXPECT_TRUE(pings(policy, "192.0.2.1"));
    EXPECT_TRUE(policy.allows_name("example.org"));
    EXPECT_TRUE(policy.allows_name(""));
}

TEST(Policy, LinkLocalAndMetadataAddressesAreClosedUnasked) {
    const Policy policy = policy_of({});
    for (const char* closed : {"169.254.169.254", "169.254.0.1", "fe80::1", "febf::1", "fd00:ec2::254",
                               "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
                               "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"}) {
        EXPECT_FALSE(allows(policy, closed, 80)) << closed;
        EXPECT_FALSE(pings(policy, closed)) << closed;
    }
    EXPECT_TRUE(allows(policy, "169.253.0.1"));
    EXPECT_TRUE(allows(policy, "fd00:ec3::254"));
    EXPECT_TRUE(allows(policy, "64:ff9b::c000:201"));
}

TEST(Policy, LoopbackAndTheGuestsSubnetAreNeverReached) {
    for (const Policy& policy :
         {policy_of({}, true), policy_of({"127.0.0.0/8", "::/0", "10.0.2.0/24"}, true)}) {
        for (const char* closed : {"127.0.0.1", "::1", "0.0.0.0", "::", "10.0.2.1", "10.0.2.15", "10.0.2.254",
                                   "fd00::15", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"}) {
            EXPECT_FALSE(allows(policy, closed)) << closed;
        }
    }
}

TEST(Policy, TheGatewayNeedsHostLoopback) {
    const Policy closed = policy_of({});
    const Policy open = policy_of({}, true);
    for (const char* gateway : {"10.0.2.2", "fd00::2", "::ffff:10.0.2.2"}) {
        EXPECT_FALSE(allows(closed, gateway)) << gateway;
        EXPECT_TRUE(allows(open, gateway)) << gateway;
    }
    EXPECT_TRUE(pings(closed, "10.0.2.2"));
    EXPECT_TRUE(pings(closed, "fd00::2"));
    EXPECT_TRUE(pings(closed, "fe80::2"));
}

TEST(Policy, TheGatewayIsTheHostsLoopbackOnlyWhereAllowed) {
    const Endpoint gateway{address("10.0.2.2"), 80};
    EXPECT_EQ(policy_of({}, true).outside(gateway), (Endpoint{address("127.0.0.1"), 80}));
    EXPECT_EQ(policy_of({}, true).outside({address("fd00::2"), 80}), (Endpoint{address("::1"), 80}));
    EXPECT_EQ(policy_of({}).outside(gateway), gateway);
    EXPECT_EQ(policy_of({}, true).outside({address("192.0.2.1"), 80}), (Endpoint{address("192.0.2.1"), 80}));
}

TEST(Policy, OfTheNameServerOnlyDnsIsOpen) {
    for (const Policy& policy : {policy_of({}), policy_of({"example.org"}), policy_of({"0.0.0.0/0"})}) {
        EXPECT_TRUE(allows(policy, "10.0.2.3", 53, Protocol::udp));
        EXPECT_TRUE(allows(policy, "fd00::3", 53));
        EXPECT_FALSE(allows(policy, "10.0.2.3", 853));
        EXPECT_TRUE(pings(policy, "10.0.2.3"));
    }
}

// ---- rules -----------------------------------------------------------------------------------------------

TEST(Policy, AnAddressRuleOpensThatAddress) {
    const Policy policy = policy_of({"192.0.2.1", "[2001:db8::1]:443"});
    EXPECT_TRUE(allows(policy, "192.0.2.1", 1));
    EXPECT_TRUE(allows(policy, "::ffff:192.0.2.1", 1));
    EXPECT_FALSE(allows(policy, "192.0.2.2"));
    EXPECT_TRUE(allows(policy, "2001:db8::1", 443));
    EXPECT_FALSE(allows(policy, "2001:db8::1", 80));
}

TEST(Policy, ABlockEndsWhereItEnds) {
    const Policy policy = policy_of({"192.0.2.64/26"});
    EXPECT_FALSE(allows(policy, "192.0.2.63"));
    EXPECT_TRUE(allows(policy, "192.0.2.64"));
    EXPECT_TRUE(allows(policy, "192.0.2.127"));
    EXPECT_FALSE(allows(policy, "192.0.2.128"));
}

TEST(Policy, ARuleForAMappedAddressIsOneForIpv4) {
    EXPECT_TRUE(allows(policy_of({"::ffff:192.0.2.1"}), "192.0.2.1"));
    EXPECT_FALSE(allows(policy_of({"::ffff:192.0.2.1"}), "192.0.2.2"));
}

TEST(Policy, EchoRequestsGoToAllowedAddressesWhateverThePort) {
    const Policy policy = policy_of({"192.0.2.1:443"});
    EXPECT_TRUE(pings(policy, "192.0.2.1"));
    EXPECT_FALSE(pings(policy, "192.0.2.2"));
}

TEST(Policy, APortOfZeroIsNobodys) {
    EXPECT_FALSE(allows(policy_of({"192.0.2.1:443"}), "192.0.2.1", 0));
    EXPECT_FALSE(allows(policy_of({}), "192.0.2.1", 0));
}

TEST(Policy, TheGatewayNeedsARuleBesidesHostLoopback) {
    EXPECT_FALSE(allows(policy_of({"192.0.2.1"}, true), "10.0.2.2"));
    EXPECT_TRUE(allows(policy_of({"10.0.2.2:8080"}, true), "10.0.2.2", 8080));
    EXPECT_FALSE(allows(policy_of({"10.0.2.2:8080"}, true), "10.0.2.2", 80));
    EXPECT_FALSE(allows(policy_of({"10.0.2.2"}), "10.0.2.2"));
}

TEST(Policy, LinkLocalNeedsARuleForItsBlock) {
    EXPECT_FALSE(allows(policy_of({"0.0.0.0/0", "::/0", "169.0.0.0/8"}), "169.254.169.254", 80));
    EXPECT_TRUE(allows(policy_of({"169.254.0.0/16"}), "169.254.169.254", 80));
    EXPECT_TRUE(allows(policy_of({"169.254.169.254:80"}), "169.254.169.254", 80));
    EXPECT_FALSE(allows(policy_of({"169.254.169.254:80"}), "169.254.169.253", 80));
    EXPECT_FALSE(allows(policy_of({"::/0"}), "fd00:ec2::254", 80));
    EXPECT_TRUE(allows(policy_of({"fd00:ec2::254"}), "fd00:ec2::254", 80));
    EXPECT_TRUE(allows(policy_of({"fe80::/10"}), "fe80::99", 80));
    EXPECT_FALSE(allows(policy_of({"64:ff9b::/96"}), "64:ff9b::a9fe:a9fe", 80));
    EXPECT_TRUE(allows(policy_of({"64:ff9b::a9fe:a9fe"}), "64:ff9b::a9fe:a9fe", 80));
}

// ---- names -----------------------------------------------------------------------------------------------

TEST(Policy, ANameRuleAllowsThatNameAlone) {
    const Policy policy = policy_of({"example.org"});
    EXPECT_TRUE(policy.allows_name("example.org"));
    EXPECT_FALSE(policy.allows_name("www.example.org"));
    EXPECT_FALSE(policy.allows_name("badexample.org"));
    EXPECT_FALSE(policy.allows_name("org"));
    EXPECT_FALSE(policy.allows_name(""));
}

TEST(Policy, AStarAllowsAnyDepthButNotTheApex) {
    const Policy policy = policy_of({"*.example.org"});
    EXPECT_TRUE(policy.allows_name("www.example.org"));
    EXPECT_TRUE(policy.allows_name("a.b.c.example.org"));
    EXPECT_FALSE(policy.allows_name("example.org"));
    EXPECT_FALSE(policy.allows_name("badexample.org"));
    EXPECT_FALSE(policy.allows_name(".example.org"));
}

TEST(Policy, RulesForAddressesAllowNoNameUnlessTheyAllowEverything) {
    EXPECT_FALSE(policy_of({"192.0.2.0/24"}).allows_name("example.org"));
    EXPECT_FALSE(policy_of({"0.0.0.0/0:443"}).allows_name("example.org"));
    EXPECT_TRUE(policy_of({"0.0.0.0/0"}).allows_name("example.org"));
}

TEST(Policy, AnAnswerOpensItsAddressOnTheRulesPort) {
    Policy policy = policy_of({"example.org:443"});
    EXPECT_FALSE(allows(policy, "192.0.2.1"));
    policy.learn("example.org", address("192.0.2.1"), seconds{300}, start);
    EXPECT_TRUE(allows(policy, "192.0.2.1", 443));
    EXPECT_TRUE(allows(policy, "::ffff:192.0.2.1", 443));
    EXPECT_FALSE(allows(policy, "192.0.2.1", 80));
    EXPECT_FALSE(allows(policy, "192.0.2.2", 443));
    EXPECT_TRUE(pings(policy, "192.0.2.1"));
    EXPECT_EQ(policy.name_of(address("192.0.2.1")), "example.org");
}

TEST(Policy, AnAnswerToANameThatIsNotAllowedOpensNothing) {
    Policy policy = policy_of({"example.org"});
    policy.learn("evil.example", address("192.0.2.1"), seconds{300}, start);
    EXPECT_FALSE(allows(policy, "192.0.2.1"));
}

TEST(Policy, TwoNamesOfOneAddressOpenBothTheirPorts) {
    Policy policy = policy_of({"a.example:80", "b.example:443"});
    policy.learn("a.example", address("192.0.2.1"), seconds{300}, start);
    policy.learn("b.example", address("192.0.2.1"), seconds{300}, start);
    EXPECT_TRUE(allows(policy, "192.0.2.1", 80));
    EXPECT_TRUE(allows(policy, "192.0.2.1", 443));
    EXPECT_EQ(policy.name_of(address("192.0.2.1")), "b.example");
    policy.learn("a.example", address("192.0.2.1"), seconds{300}, start);
    EXPECT_EQ(policy.name_of(address("192.0.2.1")), "a.example");
}

TEST(Policy, NoAnswerOpensWhatIsNotTheWorlds) {
    Policy policy = policy_of({"rebind.example"}, true);
    for (const char* inner :
         {"127.0.0.1", "0.0.0.0", "10.0.2.2", "10.0.2.15", "169.254.169.254", "::1", "fd00::2", "fe80::1",
          "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:10.0.2.2", "64:ff9b::a9fe:a9fe", "100.100.100.200"}) {
        policy.learn("rebind.example", address(inner), seconds{300}, start);
        EXPECT_FALSE(allows(policy, inner)) << inner;
    }
    policy.learn("rebind.example", address("10.1.2.3"), seconds{300}, start);
    EXPECT_TRUE(allows(policy, "10.1.2.3")) << "users have hosts of their own in private networks";
}

TEST(Policy, AnAnswerCountsForItsLifetime) {
    Policy policy = policy_of({"example.org"});
    policy.learn("example.org", address("192.0.2.1"), seconds{300}, start);
    EXPECT_TRUE(allows(policy, "192.0.2.1", 443, Protocol::tcp, start + seconds{300}));
    EXPECT_FALSE(allows(policy, "192.0.2.1", 443, Protocol::tcp, start + seconds{301}));
    EXPECT_EQ(policy.name_of(address("192.0.2.1")), "example.org") << "the log still knows it";
}

TEST(Policy, ALifetimeOfZeroLeavesTimeToConnect) {
    Policy policy = policy_of({"example.org"});
    policy.learn("example.org", address("192.0.2.1"), seconds{0}, start);
    const auto least = Policy::least_lifetime;
    EXPECT_TRUE(allows(policy, "192.0.2.1", 443, Protocol::tcp, start + least));
    EXPECT_FALSE(allows(policy, "192.0.2.1", 443, Protocol::tcp, start + least + seconds{1}));
}

TEST(Policy, AHugeLifetimeIsCutToADay) {
    Policy policy = policy_of({"example.org"});
    policy.learn("example.org", address("192.0.2.1"), seconds{INT32_MAX}, start);
    EXPECT_FALSE(allows(policy, "192.0.2.1", 443, Protocol::tcp, start + std::chrono::hours{25}));
}

TEST(Policy, ALaterAnswerExtendsAndNeverShortens) {
    Policy policy = policy_of({"example.org"});
    policy.learn("example.org", address("192.0.2.1"), seconds{600}, start);
    policy.learn("example.org", address("192.0.2.1"), seconds{60}, start);
    EXPECT_TRUE(allows(policy, "192.0.2.1", 443, Protocol::tcp, start + seconds{600}));
    policy.learn("example.org", address("192.0.2.1"), seconds{600}, start + seconds{500});
    EXPECT_TRUE(allows(policy, "192.0.2.1", 443, Protocol::tcp, start + seconds{1100}));
}

TEST(Policy, TheOldestAnswerMakesRoom) {
    Policy policy = policy_of({"example.org"});
    const auto nth = [](std::size_t n) {
        return IpAddress{std::array<std::uint8_t, 4>{192, static_cast<std::uint8_t>(n >> 16),
                                                     static_cast<std::uint8_t>(n >> 8),
                                                     static_cast<std::uint8_t>(n)}};
    };
    for (std::size_t n = 0; n <= Policy::most_answers + 1; ++n) {
        policy.learn("example.org", nth(n), seconds{300}, start);
        policy.learn("example.org", nth(1), seconds{300}, start); // always the youngest
    }
    EXPECT_FALSE(policy.allows(Protocol::tcp, {nth(0), 443}, start));
    EXPECT_TRUE(policy.allows(Protocol::tcp, {nth(1), 443}, start));
    EXPECT_FALSE(policy.allows(Protocol::tcp, {nth(2), 443}, start)) << "two more than there is room for";
    EXPECT_TRUE(policy.allows(Protocol::tcp, {nth(Policy::most_answers + 1), 443}, start));
}

TEST(Policy, TheNamesOfOneAddressAreBounded) {
    Policy policy = policy_of({"*.example.org"});
    for (std::size_t n = 0; n < Policy::most_names_of_address + 5; ++n) {
        policy.learn("n" + std::to_string(n) + ".example.org", address("192.0.2.1"), seconds{300}, start);
    }
    EXPECT_TRUE(allows(policy, "192.0.2.1"));
    EXPECT_EQ(policy.name_of(address("192.0.2.1")),
              "n" + std::to_string(Policy::most_names_of_address + 4) + ".example.org");
}

} // namespace

} // namespace sandbox::net
