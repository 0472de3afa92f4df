// SPDX-License-Identifier: Apache-2.0
// Combinations of the network's options that cannot mean anything.
#include <functional>

#include "spec/validate.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::contains;
using test::failure_of;
using test::refuses;

/// An option that only the user-mode network can follow, and how it shows in the spec.
struct NetworkOption {
    const char* name;
    std::function<void(NetworkSpec&)> set;
};

const std::vector<NetworkOption>& network_options() {
    static const std::vector<NetworkOption> options{
        {"--publish",
         [](NetworkSpec& n) { n.published.push_back(parse_publish_rule("--publish", "8080:80")); }},
        {"--allow", [](NetworkSpec& n) { n.allowed.push_back(parse_allow_rule("--allow", "example.org")); }},
        {"--net-log", [](NetworkSpec& n) { n.flow_log = "/log"; }},
        {"--pcap", [](NetworkSpec& n) { n.capture = "/capture"; }},
        {"--host-loopback", [](NetworkSpec& n) { n.host_loopback = true; }},
        {"--dns", [](NetworkSpec& n) { n.nameservers.emplace_back(); }},
        {"--dns-search", [](NetworkSpec& n) { n.search_domains.emplace_back("example.org"); }},
        {"--mtu", [](NetworkSpec& n) { n.mtu = 1500; }},
        {"--no-ipv6", [](NetworkSpec& n) { n.ipv6 = false; }},
        {"--net-engine", [](NetworkSpec& n) { n.engine = NetEngine::slirp; }},
    };
    return options;
}

Spec spec_with(const std::function<void(NetworkSpec&)>& set) {
    Spec spec;
    spec.sandbox.image = "a.tar";
    set(spec.sandbox.network);
    return spec;
}

TEST(ValidateNetwork, EveryOptionGoesWithTheUserModeNetwork) {
    for (const auto& [name, set] : network_options()) {
        EXPECT_NO_THROW(validate(spec_with(set))) << name;
    }
}

// Above all --allow: with the host's network it would promise a wall that is not there.
TEST(ValidateNetwork, NoOptionGoesWithTheHostsNetwork) {
    for (const auto& [name, set] : network_options()) {
        Spec spec = spec_with(set);
        spec.sandbox.network.kind = Network::host;
        EXPECT_TRUE(refuses([&] { validate(spec); }, name, "host's network")) << name;
        spec.sandbox.network.kind = Network::slirp;
        spec.sandbox.shared = {Namespace::net};
        EXPECT_TRUE(refuses([&] { validate(spec); }, name, "host's network")) << name;
    }
}

TEST(ValidateNetwork, NoOptionGoesWithoutANetwork) {
    for (const auto& [name, set] : network_options()) {
        Spec spec = spec_with(set);
        spec.sandbox.network.kind = Network::none;
        EXPECT_TRUE(refuses([&] { validate(spec); }, name, "no network")) << name;
        EXPECT_TRUE(contains(failure_of([&] { validate(spec); }).hint, "--network")) << name;
    }
}

// A line of /etc/hosts means something with any network.
TEST(ValidateNetwork, HostEntriesGoWithEveryNetwork) {
    for (const Network kind : {Network::slirp, Network::none, Network::host}) {
        Spec spec = spec_with([&](NetworkSpec& network) {
            network.hosts.push_back({"db", IpAddress{}});
            network.kind = kind;
        });
        EXPECT_NO_THROW(validate(spec));
    }
}

TEST(ValidateNetwork, WhatIsSplicedCannotBeCaptured) {
    Spec spec = spec_with([](NetworkSpec& network) {
        network.capture = "/capture";
        network.engine = NetEngine::splice;
    });
    EXPECT_TRUE(refuses([&] { validate(spec); }, "--pcap", "--net-engine splice"));
    spec.sandbox.network.engine = NetEngine::slirp;
    EXPECT_NO_THROW(validate(spec));
}

TEST(ValidateNetwork, LogAndCaptureAreTwoFiles) {
    Spec spec = spec_with([](NetworkSpec& network) { network.capture = network.flow_log = "/one"; });
    EXPECT_TRUE(refuses([&] { validate(spec); }, "--net-log", "--pcap"));
    spec.sandbox.network.flow_log = "/other";
    EXPECT_NO_THROW(validate(spec));
}

} // namespace
} // namespace sandbox
