// SPDX-License-Identifier: Apache-2.0
// The values of --allow and --publish: the command line checks them, sandbox-net obeys them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/ip_address.hpp"

namespace sandbox {

/// A name as in DNS (RFC 1123, 2.1), in lower case, without the final dot.
struct NamePattern {
    std::string name;
    bool below = false; ///< "*.name": what lies below it, at any depth; never the name itself
};

/// HOST[:PORT] of --allow: whom the inside may talk to.
struct AllowRule {
    std::variant<NamePattern, IpPrefix> host;
    std::uint16_t port = 0; ///< TCP and UDP; 0 is every port
    std::string text;       ///< as the user wrote it
};

/// HOST is a name, "*.name", an address ([v6] in brackets where a port follows), or a CIDR block. Throws
/// UsageError that names `option`.
AllowRule parse_allow_rule(std::string_view option, std::string_view text);

/// Lower case, without the final dot; nothing where it is no DNS name that --allow or a query may hold:
/// letters, digits, hyphens and underscores in labels of 1 to 63, 253 in all.
std::optional<std::string> canonical_name(std::string_view text);

enum class Transport : std::uint8_t { tcp, udp };

/// [IP:]HOSTPORT[-LAST]:PORT[-LAST][/tcp|udp] of --publish.
struct PublishRule {
    IpAddress address;           ///< of the host; 127.0.0.1 by default
    std::uint16_t host_port = 0; ///< the first; 0 lets the kernel choose
    std::uint16_t port = 0;      ///< inside, the first
    std::uint16_t count = 1;     ///< of ports
    Transport transport = Transport::tcp;
};

/// Throws UsageError that names `option`.
PublishRule parse_publish_rule(std::string_view option, std::string_view text);

} // namespace sandbox
