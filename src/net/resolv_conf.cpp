// SPDX-License-Identifier: Apache-2.0
// resolv.conf is read as libc does it: keyword, blanks, an address; anything else is passed over.
#include "net/resolv_conf.hpp"

#include <array>

#include "base/text.hpp"

namespace sandbox::net {

std::vector<Endpoint> nameservers(std::string_view resolv_conf) {
    constexpr std::string_view keyword = "nameserver";
    constexpr std::uint16_t dns_port = 53;
    std::vector<Endpoint> servers;
    for (const std::string_view line : split(resolv_conf, '\n')) {
        if (!line.starts_with(keyword) || line.size() == keyword.size() ||
            (line[keyword.size()] != ' ' && line[keyword.size()] != '\t')) {
            continue;
        }
        std::string_view value = trim(line.substr(keyword.size()));
        value = value.substr(0, value.find_first_of(" \t\r"));
        if (const auto address = parse_ip_address(value)) {
            servers.push_back({*address, dns_port});
        }
    }
    if (servers.empty()) {
        constexpr std::array<std::uint8_t, 16> ipv6_loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
        servers = {{IpAddress{std::array<std::uint8_t, 4>{127, 0, 0, 1}}, dns_port},
                   {IpAddress{ipv6_loopback}, dns_port}};
    }
    return servers;
}

} // namespace sandbox::net
