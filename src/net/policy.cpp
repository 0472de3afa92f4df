// SPDX-License-Identifier: Apache-2.0
// The allow-list, and the addresses that DNS answers add to it.
#include "net/policy.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "net/addresses.hpp"

namespace sandbox::net {

namespace {

/// Where a cloud tells a machine its secrets, outside of the link-local blocks.
struct MetadataBlock {
    std::uint8_t bits;
    Ipv6Address bytes; ///< IPv4: the first four
    bool is_ipv6;
};
constexpr MetadataBlock metadata_blocks[] = {
    {32, {100, 100, 100, 200}, false}, // Alibaba Cloud, "Instance metadata"
    {32, {168, 63, 129, 16}, false},   // Azure, "What is IP address 168.63.129.16?"
    {32, {192, 0, 0, 192}, false}, // Oracle Cloud before 169.254.169.254; RFC 7723 kept the block for others
    {32, {0xfd, 0, 0x0e, 0xc2}, true}, // AWS: fd00:ec2::254, and its DNS and NTP beside it
    // Google Cloud: fd20:ce::254
    {128, {0xfd, 0x20, 0, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, true},
};

IpPrefix prefix_of(const MetadataBlock& block) noexcept {
    if (block.is_ipv6) {
        return {IpAddress{block.bytes}, block.bits};
    }
    return {IpAddress{Ipv4Address{block.bytes[0], block.bytes[1], block.bytes[2], block.bytes[3]}},
            block.bits};
}

/// The block of addresses around this one that only a rule for it opens, if it lies in one.
std::optional<IpPrefix> guarded_block(const IpAddress& address) noexcept {
    if (address.is_link_local()) {
        return IpPrefix{address, address.is_ipv6() ? 10U : 16U};
    }
    for (const MetadataBlock& block : metadata_blocks) {
        const IpPrefix prefix = prefix_of(block);
        if (prefix.contains(address)) {
            return prefix;
        }
    }
    return std::nullopt;
}

/// The IPv4 address to which a translator or relay would take a packet for `address`: RFC 6052, 2.1 and
/// RFC 3056, 2.
std::optional<IpAddress> embedded_ipv4(const IpAddress& address) noexcept {
    constexpr Ipv6Address nat64{0x00, 0x64, 0xff, 0x9b};
    constexpr Ipv6Address six_to_four{0x20, 0x02};
    if (!address.is_ipv6()) {
        return std::nullopt;
    }
    const auto bytes = address.bytes();
    if (IpPrefix{IpAddress{nat64}, 96}.contains(address)) {
        return IpAddress{Ipv4Address{bytes[12], bytes[13], bytes[14], bytes[15]}};
    }
    if (IpPrefix{IpAddress{six_to_four}, 16}.contains(address)) {
        return IpAddress{Ipv4Address{bytes[2], bytes[3], bytes[4], bytes[5]}};
    }
    return std::nullopt;
}

bool is_within(const IpPrefix& inner, const IpPrefix& outer) noexcept {
    return inner.bits >= outer.bits && outer.contains(inner.address);
}

bool is_icmp(Protocol protocol) noexcept {
    return protocol == Protocol::icmp || protocol == Protocol::icmpv6;
}

bool is_in_own_network(const IpAddress& address) noexcept {
    return IpPrefix{IpAddress{ipv4_network}, 24}.contains(address) ||
           IpPrefix{IpAddress{ipv6_prefix}, ipv6_prefix_bits}.contains(address);
}

/// Link-local addresses with the interface identifiers of gateway and name server are theirs too.
IpAddress as_link_local(const Ipv6Address& global) noexcept {
    Ipv6Address address = global;
    address[0] = 0xfe;
    address[1] = 0x80;
    return IpAddress{address};
}

bool is_gateway(const IpAddress& address) noexcept {
    return address == IpAddress{ipv4_gateway} || address == IpAddress{ipv6_gateway} ||
           address == as_link_local(ipv6_gateway);
}

bool is_nameserver(const IpAddress& address) noexcept {
    return address == IpAddress{ipv4_nameserver} || address == IpAddress{ipv6_nameserver} ||
           address == as_link_local(ipv6_nameserver);
}

/// @param port 0 asks for any of the rule's ports, as ICMP does
bool covers(const AllowRule& rule, std::uint16_t port) noexcept {
    return rule.port == 0 || port == 0 || rule.port == port;
}

bool matches(const NamePattern& pattern, std::string_view name) noexcept {
    if (!pattern.below) {
        return name == pattern.name;
    }
    return name.size() > pattern.name.size() + 1 && name.ends_with(pattern.name) &&
           name[name.size() - pattern.name.size() - 1] == '.';
}

bool allows_everything(const AllowRule& rule) noexcept {
    const auto* prefix = std::get_if<IpPrefix>(&rule.host);
    return prefix != nullptr && prefix->bits == 0 && rule.port == 0;
}

} // namespace

Policy::Policy(std::vector<AllowRule> rules, bool host_loopback)
    : rules_(std::move(rules)), host_loopback_(host_loopback) {
    for (AllowRule& rule : rules_) {
        if (auto* prefix = std::get_if<IpPrefix>(&rule.host);
            prefix != nullptr && prefix->bits >= 96 &&
            prefix->address.unmapped().is_ipv6() != prefix->address.is_ipv6()) {
            *prefix = IpPrefix{prefix->address.unmapped(), prefix->bits - 96};
        }
    }
}

bool Policy::allows(Protocol protocol, const Endpoint& destination, Clock::time_point now) const {
    constexpr std::uint16_t dns_port = 53;
    const IpAddress address = destination.address.unmapped();
    const std::uint16_t port = is_icmp(protocol) ? 0 : destination.port;
    if (!is_icmp(protocol) && port == 0) {
        return false; // a port that no rule can name, and no service has: RFC 6335, 6
    }
    if (is_nameserver(address)) {
        return is_icmp(protocol) || port == dns_port;
    }
    if (is_gateway(address)) {
        return is_icmp(protocol) ||
               (host_loopback_ && (!is_restricted() || any_prefix_allows(address, port)));
    }
    if (address.is_loopback() || address.is_unspecified() || is_in_own_network(address)) {
        return false;
    }
    const auto inner = embedded_ipv4(address);
    if (inner && (inner->is_loopback() || inner->is_unspecified())) {
        return false;
    }
    if (guarded_block(address) || (inner && guarded_block(*inner))) {
        return any_prefix_allows(address, port);
    }
    return !is_restricted() || any_prefix_allows(address, port) || any_name_allows(address, port, now);
}

bool Policy::any_prefix_allows(const IpAddress& address, std::uint16_t port) const {
    const auto inner = embedded_ipv4(address);
    auto block = guarded_block(address);
    if (!block && inner && guarded_block(*inner)) {
        // Nobody means the metadata service by 64:ff9b::/96: the rule has to name this very address.
        block = IpPrefix{address, 128};
    }
    return std::ranges::any_of(rules_, [&](const AllowRule& rule) {
        const auto* prefix = std::get_if<IpPrefix>(&rule.host);
        return prefix != nullptr && covers(rule, port) && prefix->contains(address) &&
               (!block || is_within(*prefix, *block));
    });
}

bool Policy::any_name_allows(const IpAddress& address, std::uint16_t port, Clock::time_point now) const {
    const auto found = by_address_.find(address);
    return found != by_address_.end() &&
           std::ranges::any_of(found->second, [&](const Answers::iterator& answer) {
               return now <= answer->end && std::ranges::any_of(rules_, [&](const AllowRule& rule) {
                          const auto* pattern = std::get_if<NamePattern>(&rule.host);
                          return pattern != nullptr && covers(rule, port) && matches(*pattern, answer->name);
                      });
           });
}

bool Policy::allows_name(std::string_view name) const {
    return !is_restricted() || std::ranges::any_of(rules_, [&](const AllowRule& rule) {
        const auto* pattern = std::get_if<NamePattern>(&rule.host);
        return pattern != nullptr ? matches(*pattern, name) : allows_everything(rule);
    });
}

void Policy::learn(std::string_view name, const IpAddress& address, std::chrono::seconds lifetime,
                   Clock::time_point now) {
    if (!allows_name(name)) {
        return;
    }
    const IpAddress plain = address.unmapped();
    const Clock::time_point end = now + std::clamp(lifetime, least_lifetime, longest_lifetime);
    auto& of_address = by_address_[plain];
    const auto known = std::ranges::find_if(
        of_address, [&](const Answers::iterator& answer) { return answer->name == name; });
    if (known != of_address.end()) {
        const Answers::iterator answer = *known;
        answer->end = std::max(answer->end, end);
        answers_.splice(answers_.end(), answers_, answer);
        std::rotate(known, known + 1, of_address.end());
        return;
    }
    answers_.push_back({std::string{name}, plain, end});
    of_address.push_back(std::prev(answers_.end()));
    if (of_address.size() > most_names_of_address) {
        forget(of_address.front());
    } else if (answers_.size() > most_answers) {
        forget(answers_.begin());
    }
}

void Policy::forget(Answers::iterator answer) {
    const auto found = by_address_.find(answer->address);
    std::erase(found->second, answer);
    if (found->second.empty()) {
        by_address_.erase(found);
    }
    answers_.erase(answer);
}

std::string Policy::name_of(const IpAddress& address) const {
    const auto found = by_address_.find(address.unmapped());
    return found == by_address_.end() ? std::string{} : found->second.back()->name;
}

Endpoint Policy::outside(const Endpoint& destination) const {
    const IpAddress address = destination.address.unmapped();
    if (!host_loopback_ || !is_gateway(address)) {
        return {address, destination.port};
    }
    constexpr Ipv6Address ipv6_loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return {address.is_ipv6() ? IpAddress{ipv6_loopback} : IpAddress{Ipv4Address{127, 0, 0, 1}},
            destination.port};
}

} // namespace sandbox::net
