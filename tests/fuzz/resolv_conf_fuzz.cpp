// SPDX-License-Identifier: Apache-2.0
// resolv.conf(5): there is always a name server to ask, and never one that no line names.
#include "net/resolv_conf.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sandbox;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::uint16_t dns_port = 53;
    const auto servers = net::nameservers(fuzz::text_of(data, size));
    require(!servers.empty(), "there is always a server");
    std::string lines;
    for (const Endpoint& server : servers) {
        require(server.port == dns_port, "a server is asked at its port");
        lines += "nameserver " + to_string(server.address) + "\n";
    }
    require(net::nameservers(lines) == servers, "what is kept is kept again");
    return 0;
}
