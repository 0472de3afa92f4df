// SPDX-License-Identifier: Apache-2.0
// The allow-list under any sequence of rules, answers and questions: what must never be allowed never is.
#include <algorithm>
#include <chrono>

#include "net/addresses.hpp"
#include "net/policy.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sandbox;
using namespace sandbox::net;
using fuzz::require;

namespace {

struct Words {
    explicit Words(std::string_view line) : all(split(line, ' ')) {}
    [[nodiscard]] std::string_view at(std::size_t index) const {
        return index < all.size() ? all[index] : std::string_view{};
    }
    std::vector<std::string_view> all;
};

// Each by its link-local address too.
bool is_gateway(const IpAddress& address) {
    return address == IpAddress{ipv4_gateway} || address == IpAddress{ipv6_gateway} ||
           address == parse_ip_address("fe80::2");
}

bool is_name_server(const IpAddress& address) {
    return address == IpAddress{ipv4_nameserver} || address == IpAddress{ipv6_nameserver} ||
           address == parse_ip_address("fe80::3");
}

bool is_named_by_a_block(const std::vector<AllowRule>& rules, const IpAddress& address) {
    for (const AllowRule& rule : rules) {
        const auto* prefix = std::get_if<IpPrefix>(&rule.host);
        if (prefix != nullptr && prefix->contains(address)) {
            return true;
        }
    }
    return false;
}

void check_question(const Policy& policy, const std::vector<AllowRule>& rules, bool host_loopback,
                    const Endpoint& to, bool was_learned, Clock::time_point now) {
    const bool tcp = policy.allows(Protocol::tcp, to, now);
    require(tcp == policy.allows(Protocol::udp, to, now), "TCP and UDP are judged alike");
    const IpAddress address = to.address.unmapped();
    const Endpoint outside = policy.outside(to);
    require(!outside.address.is_loopback() || to.address.unmapped().is_loopback() ||
                (host_loopback && is_gateway(address)),
            "only the gateway leads to the host's loopback, and only if asked for");
    if (!tcp) {
        return;
    }
    require(to.port != 0, "nobody has port 0");
    require(!address.is_loopback() && !address.is_unspecified(), "loopback is never allowed");
    require(!is_gateway(address) || host_loopback, "the gateway needs --host-loopback");
    const bool is_named = is_named_by_a_block(rules, address);
    require(!address.is_link_local() || is_named || is_name_server(address) ||
                (host_loopback && is_gateway(address)),
            "link-local addresses need a rule");
    require(rules.empty() || is_named || was_learned || is_name_server(address),
            "with an allow-list, somebody allowed it");
}

} // namespace

/// Lines: "L" for --host-loopback, "A RULE", "N NAME ADDRESS TTL" for an answer, "Q ADDRESS PORT" for a
/// question.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto lines = split(fuzz::text_of(data, size), '\n');
    std::vector<AllowRule> rules;
    bool host_loopback = false;
    for (const std::string_view line : lines) {
        const Words words{line};
        host_loopback = host_loopback || line == "L";
        if (words.at(0) == "A") {
            fuzz::is_taken([&] { rules.push_back(parse_allow_rule("--allow", words.at(1))); });
        }
    }
    Policy policy{rules, host_loopback};
    const Clock::time_point now{std::chrono::hours{24}};
    std::vector<IpAddress> learned;
    for (const std::string_view line : lines) {
        const Words words{line};
        const auto name = words.at(0) == "N" ? canonical_name(words.at(1)) : std::nullopt;
        const auto address = parse_ip_address(words.at(name ? 2 : 1));
        if (name && address) {
            const auto lifetime = parse_number(words.at(3), INT32_MAX).value_or(0);
            policy.learn(*name, *address, std::chrono::seconds{static_cast<std::int64_t>(lifetime)}, now);
            if (policy.allows_name(*name)) {
                learned.push_back(address->unmapped());
            }
        } else if (words.at(0) == "Q" && address) {
            const auto port = static_cast<std::uint16_t>(parse_number(words.at(2), 65535).value_or(0));
            const bool was_learned =
                std::find(learned.begin(), learned.end(), address->unmapped()) != learned.end();
            check_question(policy, rules, host_loopback, {*address, port}, was_learned, now);
        }
    }
    return 0;
}
