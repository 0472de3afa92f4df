// SPDX-License-Identifier: Apache-2.0
// The network's options on the command line and in configuration files.
#include "cli/cli.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::contains;
using test::failure_of;
using test::refuses;
using Words = std::vector<std::string>;

/// Of `sandbox run OPTIONS img cmd`.
NetworkSpec network_of(Words options, const std::string& directory = "/here") {
    options.insert(options.begin(), "run");
    options.insert(options.end(), {"img", "cmd"});
    const auto invocation = parse_invocation(options, {directory}, "");
    EXPECT_EQ(invocation.spec.sandbox.image, "img");
    return invocation.spec.sandbox.network;
}

TEST(NetworkCommandLine, WithoutOptionsItIsTheUserModeNetwork) {
    const NetworkSpec network = network_of({});
    EXPECT_EQ(network.kind, Network::slirp);
    EXPECT_EQ(network.engine, NetEngine::automatic);
    EXPECT_EQ(network.mtu, 65520U);
    EXPECT_TRUE(network.ipv6);
    EXPECT_FALSE(network.host_loopback);
    EXPECT_TRUE(network.published.empty() && network.allowed.empty() && network.nameservers.empty() &&
                network.search_domains.empty() && network.hosts.empty());
    EXPECT_EQ(network.flow_log + network.capture, "");
}

TEST(NetworkCommandLine, PublishedPortsAddUp) {
    for (const Words& words :
         {Words{"-p", "8080:80", "-p53:53/udp"}, Words{"--publish", "8080:80", "--publish=53:53/udp"}}) {
        const NetworkSpec network = network_of(words);
        ASSERT_EQ(network.published.size(), 2U);
        EXPECT_EQ(network.published[0].host_port, 8080);
        EXPECT_EQ(network.published[1].transport, Transport::udp);
    }
}

TEST(NetworkCommandLine, AllowedHostsAddUpInTheirOrder) {
    const NetworkSpec network =
        network_of({"--allow", "example.org", "--allow=*.example.net:443", "--allow", "::/0"});
    ASSERT_EQ(network.allowed.size(), 3U);
    EXPECT_EQ(network.allowed[0].text, "example.org");
    EXPECT_EQ(network.allowed[1].port, 443);
    EXPECT_EQ(network.allowed[2].text, "::/0");
}

TEST(NetworkCommandLine, NameServersDomainsAndHostsAddUp) {
    const NetworkSpec network =
        network_of({"--dns", "9.9.9.9", "--dns", "::1", "--dns-search", "a.example", "--dns-search",
                    "b.example", "--add-host", "x:192.0.2.1", "--add-host", "y:192.0.2.2"});
    ASSERT_EQ(network.nameservers.size(), 2U);
    EXPECT_EQ(to_string(network.nameservers[1]), "::1");
    EXPECT_EQ(network.search_domains, (Words{"a.example", "b.example"}));
    ASSERT_EQ(network.hosts.size(), 2U);
    EXPECT_EQ(network.hosts[1].name, "y");
}

TEST(NetworkCommandLine, OfSingleValuesTheLastWins) {
    const NetworkSpec network =
        network_of({"--mtu", "1500", "--mtu", "9000", "--net-engine", "slirp", "--net-engine=splice",
                    "--no-ipv6", "--no-ipv6=false", "--host-loopback=no", "--host-loopback", "--network",
                    "none", "--network", "slirp"});
    EXPECT_EQ(network.mtu, 9000U);
    EXPECT_EQ(network.engine, NetEngine::splice);
    EXPECT_TRUE(network.ipv6);
    EXPECT_TRUE(network.host_loopback);
    EXPECT_EQ(network.kind, Network::slirp);
}

TEST(NetworkCommandLine, FilesAreBelowTheWorkingDirectory) {
    const NetworkSpec network = network_of({"--net-log", "flows.json", "--pcap", "/tmp/x.pcap"});
    EXPECT_EQ(network.flow_log, "/here/flows.json");
    EXPECT_EQ(network.capture, "/tmp/x.pcap");
}

// A directory that was removed, or that the caller cannot look up: "/flows.json" is not what was meant.
TEST(NetworkCommandLine, ARelativeFileNeedsAWorkingDirectory) {
    for (const char* option : {"--net-log", "--pcap", "--root"}) {
        EXPECT_TRUE(refuses(
            [&] {
                network_of({option, "file"}, "");
            },
            option, "file", "working directory"))
            << option;
        EXPECT_NO_THROW(network_of({option, "/file"}, "")) << option;
        EXPECT_TRUE(refuses([&] { network_of({option, ""}); }, option)) << option;
    }
}

TEST(NetworkCommandLine, BadValuesNameOptionAndValue) {
    const std::pair<const char*, const char*> bad[] = {
        {"--publish", "80:0"},  {"--publish", "99999:80"}, {"--allow", "a b"},          {"--allow", "x:0"},
        {"--dns", "localhost"}, {"--dns-search", "a b"},   {"--add-host", "noaddress"}, {"--mtu", "1279"},
        {"--net-engine", "x"},  {"--network", "bridge"}};
    for (const auto& [option, value] : bad) {
        EXPECT_TRUE(refuses([&] { network_of({option, value}); }, option, value)) << option;
        EXPECT_TRUE(refuses([&] { network_of({std::string{option} + "=" + value}); }, option, value))
            << option;
    }
    EXPECT_TRUE(refuses([] { network_of({"-p", "x"}); }, "--publish x"));
    EXPECT_TRUE(refuses([] { network_of({"--host-loopback=maybe"}); }, "--host-loopback maybe"));
    EXPECT_TRUE(refuses([] { network_of({"--no-ipv6=maybe"}); }, "--no-ipv6 maybe"));
}

TEST(NetworkCommandLine, EveryHintSaysWhatIsTaken) {
    for (const auto& [option, part] :
         std::initializer_list<std::pair<const char*, const char*>>{{"--publish", "8080:80"},
                                                                    {"--allow", "example.org:443"},
                                                                    {"--dns", "9.9.9.9"},
                                                                    {"--add-host", "db:192.0.2.7"}}) {
        const auto failure = failure_of([name = option] { network_of({name, "?"}); });
        EXPECT_TRUE(contains(failure.hint, part)) << option << ": " << failure.hint;
    }
}

TEST(NetworkConfig, TheSameNamesStandInAFile) {
    const test::TemporaryDirectory directory;
    directory.make_file(
        "conf",
        "publish = 8080:80\npublish = 127.0.0.1:0:443\nallow = *.example.org:443\n"
        "allow = [2001:db8::]:53\ndns = 9.9.9.9\nmtu = 1500\nhost-loopback = true\nno-ipv6 = yes\n"
        "net-engine = slirp\nnet-log = flows.json\n");
    const NetworkSpec network =
        network_of({"--config", directory.path() + "/conf", "--allow", "last.example"});
    EXPECT_EQ(network.published.size(), 2U);
    ASSERT_EQ(network.allowed.size(), 3U);
    EXPECT_EQ(network.allowed[1].text, "[2001:db8::]:53");
    EXPECT_EQ(network.allowed[2].text, "last.example");
    EXPECT_EQ(network.mtu, 1500U);
    EXPECT_TRUE(network.host_loopback);
    EXPECT_FALSE(network.ipv6);
    EXPECT_EQ(network.engine, NetEngine::slirp);
    EXPECT_EQ(network.flow_log, "/here/flows.json");
}

TEST(NetworkConfig, ABadValueNamesTheFileAndTheOption) {
    const test::TemporaryDirectory directory;
    directory.make_file("conf", "mtu = 5\n");
    EXPECT_TRUE(refuses([&] { network_of({"--config", directory.path() + "/conf"}); }, "/conf", "--mtu 5"));
}

} // namespace
} // namespace sandbox
