// SPDX-License-Identifier: Apache-2.0
// --allow and --publish values, read strictly: what is not understood would silently allow too much or too
// little.
#include "base/network_rules.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

constexpr std::uint64_t most_ports = 65535;

/// What stands in brackets at a value's beginning, and what follows them.
struct Bracketed {
    std::string_view address;
    std::string_view rest;
};

/// "[ADDRESS]REST"; nothing where the text does not begin with a bracket or never closes it.
std::optional<Bracketed> split_brackets(std::string_view text) {
    const std::size_t end = text.find(']');
    if (!text.starts_with('[') || end == std::string_view::npos) {
        return std::nullopt;
    }
    return Bracketed{text.substr(1, end - 1), text.substr(end + 1)};
}

[[noreturn]] void refuse_allow(std::string_view option, std::string_view text, const char* reason) {
    throw UsageError(std::string{option} + " " + printable(text), reason,
                     "HOST[:PORT], where HOST is a name, *.name, an address, [v6] or a CIDR block: for "
                     "example example.org:443 or 192.0.2.0/24");
}

[[noreturn]] void refuse_publish(std::string_view option, std::string_view text, const char* reason) {
    throw UsageError(std::string{option} + " " + printable(text), reason,
                     "[IP:]HOSTPORT:PORT[/tcp|udp], for example 8080:80, or 0.0.0.0:5000-5009:5000-5009/udp");
}

struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t count = 1;
};

std::optional<PortRange> parse_ports(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto first = parse_number(text.substr(0, dash), most_ports);
    if (!first) {
        return std::nullopt;
    }
    PortRange range{static_cast<std::uint16_t>(*first), 1};
    if (dash != std::string_view::npos) {
        const auto last = parse_number(text.substr(dash + 1), most_ports);
        if (!last || *last < *first || *first == 0) {
            return std::nullopt;
        }
        range.count = static_cast<std::uint16_t>(*last - *first + 1);
    }
    return range;
}

bool is_label(std::string_view label) {
    const auto is_fine = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    return !label.empty() && label.size() <= 63 && std::all_of(label.begin(), label.end(), is_fine);
}

bool looks_like_address(std::string_view text) {
    return text.find_first_not_of("0123456789./") == std::string_view::npos ||
           text.find(':') != std::string_view::npos || text.find('/') != std::string_view::npos;
}

bool is_ipv6(std::string_view text) {
    const auto prefix = parse_ip_prefix(text.substr(0, text.find('/')));
    return prefix && prefix->address.is_ipv6();
}

/// No packet has an IPv4-mapped address: such a rule would allow nothing. RFC 4291, 2.5.5.2.
IpPrefix unmapped(const IpPrefix& prefix) {
    constexpr unsigned mapped_bits = 96;
    const IpAddress plain = prefix.address.unmapped();
    return plain == prefix.address || prefix.bits < mapped_bits ? prefix
                                                                : IpPrefix{plain, prefix.bits - mapped_bits};
}

} // namespace

std::optional<std::string> canonical_name(std::string_view text) {
    std::string name{text};
    if (name.ends_with('.')) {
        name.pop_back();
    }
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const auto labels = split(name, '.');
    if (name.size() > 253 || !std::all_of(labels.begin(), labels.end(), is_label)) {
        return std::nullopt;
    }
    return name;
}

AllowRule parse_allow_rule(std::string_view option, std::string_view text) {
    AllowRule rule;
    rule.text = text;
    std::string_view host = text;
    std::string_view port;
    if (const auto bracketed = split_brackets(text)) {
        host = bracketed->address;
        port = bracketed->rest;
        if (!is_ipv6(host)) {
            refuse_allow(option, text, "brackets are for an IPv6 address or CIDR block");
        }
        // [2001:db8::]/32 is written by analogy with [2001:db8::]:443.
        if (port.starts_with('/')) {
            refuse_allow(option, text, "a CIDR block's length stands inside the brackets");
        }
        if (!port.empty() && !port.starts_with(':')) {
            refuse_allow(option, text, "only :PORT may follow the bracket");
        }
    } else if (std::count(text.begin(), text.end(), ':') == 1) {
        host = text.substr(0, text.find(':'));
        port = text.substr(text.find(':'));
    }
    if (text.find("://") != std::string_view::npos) {
        refuse_allow(option, text, "a host is wanted, and this is a URL");
    }
    if (!port.empty()) {
        const auto number = parse_number(port.substr(1), most_ports);
        if (!number || *number == 0) {
            refuse_allow(option, text, "the port is not a number from 1 to 65535");
        }
        rule.port = static_cast<std::uint16_t>(*number);
    }
    if (host.empty()) {
        refuse_allow(option, text, "no host is named");
    }
    if (const auto prefix = parse_ip_prefix(host)) {
        rule.host = unmapped(*prefix);
        return rule;
    }
    if (looks_like_address(host)) {
        refuse_allow(option, text, "not an address or CIDR block");
    }
    NamePattern pattern;
    pattern.below = host.starts_with("*.");
    const std::string_view domain = pattern.below ? host.substr(2) : host;
    const auto name = canonical_name(domain);
    if (!name || looks_like_address(domain)) {
        refuse_allow(option, text, "not a host name");
    }
    pattern.name = *name;
    rule.host = pattern;
    return rule;
}

PublishRule parse_publish_rule(std::string_view option, std::string_view text) {
    PublishRule rule;
    rule.address = IpAddress{std::array<std::uint8_t, 4>{127, 0, 0, 1}};
    std::string_view rest = text;
    if (const std::size_t slash = rest.rfind('/'); slash != std::string_view::npos) {
        const std::string_view transport = rest.substr(slash + 1);
        if (transport != "tcp" && transport != "udp") {
            refuse_publish(option, text, "the protocol is tcp or udp");
        }
        rule.transport = transport == "udp" ? Transport::udp : Transport::tcp;
        rest = rest.substr(0, slash);
    }
    std::string_view address;
    if (const auto bracketed = split_brackets(rest)) {
        address = bracketed->address;
        if (!bracketed->rest.starts_with(':')) {
            refuse_publish(option, text, "an address is followed by :HOSTPORT:PORT");
        }
        rest = bracketed->rest.substr(1);
    } else if (std::count(rest.begin(), rest.end(), ':') == 2) {
        address = rest.substr(0, rest.find(':'));
        rest = rest.substr(rest.find(':') + 1);
    }
    if (address.data() != nullptr) {
        const auto parsed = parse_ip_address(address);
        if (!parsed) {
            refuse_publish(option, text, "not an IP address of the host");
        }
        rule.address = parsed->unmapped();
    }
    const auto sides = split(rest, ':');
    if (sides.size() > 2) {
        refuse_publish(option, text, "too many colons (an IPv6 address stands in brackets)");
    }
    // As in podman, PORT alone lets the kernel choose the host's.
    const auto inside = parse_ports(sides.back());
    auto outside = sides.size() == 2 && !sides.front().empty() ? parse_ports(sides.front()) : PortRange{};
    if (!inside || inside->first == 0) {
        refuse_publish(option, text, "PORT is not a port, or a range of them, from 1 to 65535");
    }
    if (!outside) {
        refuse_publish(option, text, "HOSTPORT is not a port from 0 to 65535, or a range of them");
    }
    if (outside->first == 0) {
        outside->count = inside->count;
    }
    if (outside->count != inside->count) {
        refuse_publish(option, text, "the two ranges differ in length");
    }
    rule.host_port = outside->first;
    rule.port = inside->first;
    rule.count = inside->count;
    return rule;
}

} // namespace sandbox
