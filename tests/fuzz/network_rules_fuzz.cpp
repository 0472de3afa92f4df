// SPDX-License-Identifier: Apache-2.0
// The values of --allow, --publish and the other options of the network: what is taken means one thing.
#include "base/network_rules.hpp"
#include "spec/parse.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sandbox;
using fuzz::require;

namespace {

void check_prefix(const IpPrefix& prefix) {
    require(prefix.bits <= (prefix.address.is_ipv6() ? 128 : 32), "a prefix has at most all bits");
    require(prefix.contains(prefix.address), "a prefix contains its address");
    const auto again = parse_ip_prefix(to_string(prefix.address) + "/" + std::to_string(prefix.bits));
    require(again && again->address == prefix.address && again->bits == prefix.bits,
            "a prefix reads as printed");
}

void check_allow(std::string_view text) {
    const AllowRule rule = parse_allow_rule("--allow", text);
    require(rule.text == text, "a rule keeps the user's words");
    if (const auto* pattern = std::get_if<NamePattern>(&rule.host)) {
        require(canonical_name(pattern->name) == pattern->name, "a rule's name is canonical");
        require(!parse_ip_address(pattern->name), "an address is no name");
    } else {
        check_prefix(std::get<IpPrefix>(rule.host));
    }
}

void check_publish(std::string_view text) {
    const PublishRule rule = parse_publish_rule("--publish", text);
    require(rule.port != 0 && rule.count != 0, "there is a port inside");
    require(rule.port + rule.count - 1 <= 65535, "the ports inside exist");
    require(rule.host_port + rule.count - 1 <= 65535, "the ports outside exist");
    require(rule.address.unmapped() == rule.address, "the address is no mapped one");
}

void check_host_entry(std::string_view text) {
    const HostEntry entry = parse_host_entry(text);
    require(canonical_name(entry.name) == entry.name, "a host's name is canonical");
}

void check_search_domain(std::string_view text) {
    const std::string domain = parse_search_domain(text);
    require(domain == "." || canonical_name(domain) == domain, "a domain is canonical");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = fuzz::text_of(data, size);
    switch (fuzz::take_choice(text) % 6) {
        case 0:
            fuzz::is_taken([&] { check_allow(text); });
            break;
        case 1:
            fuzz::is_taken([&] { check_publish(text); });
            break;
        case 2:
            fuzz::is_taken([&] { check_host_entry(text); });
            break;
        case 3:
            fuzz::is_taken([&] { check_search_domain(text); });
            break;
        case 4:
            fuzz::is_taken(
                [&] { require(!parse_nameserver(text).is_unspecified(), "a server is somewhere"); });
            break;
        default:
            if (const auto prefix = parse_ip_prefix(text)) {
                check_prefix(*prefix);
            }
            if (const auto address = parse_ip_address(text)) {
                require(parse_ip_address(to_string(*address)) == address, "an address reads as printed");
            }
    }
    return 0;
}
