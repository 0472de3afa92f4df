// SPDX-License-Identifier: Apache-2.0
// resolv.conf is read as libc does it: keyword, blanks, an address; anything else is passed over.
#include "net/resolv_conf.hpp"

#include <arpa/inet.h>

#include "base/text.hpp"

namespace sandbox::net {

namespace {

bool is_address(std::string_view text) {
    const std::string bare{text.substr(0, text.find('%'))}; // fe80::1%eth0
    in6_addr address{};
    return ::inet_pton(AF_INET, bare.c_str(), &address) == 1 ||
           ::inet_pton(AF_INET6, bare.c_str(), &address) == 1;
}

} // namespace

std::string nameserver_lines(std::string_view resolv_conf) {
    constexpr std::string_view keyword = "nameserver";
    std::string lines;
    for (const std::string_view line : split(resolv_conf, '\n')) {
        if (!line.starts_with(keyword) || line.size() == keyword.size() ||
            (line[keyword.size()] != ' ' && line[keyword.size()] != '\t')) {
            continue;
        }
        std::string_view value = trim(line.substr(keyword.size()));
        value = value.substr(0, value.find_first_of(" \t"));
        if (is_address(value)) {
            lines.append(keyword).append(" ").append(value).append("\n");
        }
    }
    return lines.empty() ? "nameserver 127.0.0.1\nnameserver ::1\n" : lines;
}

} // namespace sandbox::net
