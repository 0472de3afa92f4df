// SPDX-License-Identifier: Apache-2.0
// The options of the network as arguments and descriptors of sandbox-net.
#include "start_network.hpp"

#include <fcntl.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "spec/validate.hpp"

namespace sandbox {

namespace {

/// @param flags O_APPEND for a log that grows from run to run, O_TRUNC for a capture
UniqueFd open_output_if_asked(const char* option, const std::string& path, int flags) {
    if (path.empty()) {
        return UniqueFd{};
    }
    UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | flags, 0600)};
    if (!file.valid()) {
        throw SystemError(errno, "write", std::string{option} + " " + printable(path));
    }
    return file;
}

const char* engine_name(const NetworkSpec& network) {
    // Spliced TCP does not pass the tap: a capture would lack it.
    if (!network.capture.empty()) {
        return "slirp";
    }
    switch (network.engine) {
        case NetEngine::slirp:
            return "slirp";
        case NetEngine::splice:
            return "splice";
        case NetEngine::automatic:
            break;
    }
    return "auto";
}

std::vector<std::string> arguments_of(const NetworkSpec& network) {
    std::vector<std::string> arguments{"--mtu", std::to_string(network.mtu), "--net-engine",
                                       engine_name(network)};
    if (!network.ipv6) {
        arguments.emplace_back("--no-ipv6");
    }
    if (network.host_loopback) {
        arguments.emplace_back("--host-loopback");
    }
    for (const AllowRule& rule : network.allowed) {
        arguments.insert(arguments.end(), {"--allow", rule.text});
    }
    for (const IpAddress& nameserver : network.nameservers) {
        arguments.insert(arguments.end(), {"--dns", to_string(nameserver)});
    }
    return arguments;
}

} // namespace

NetworkRequest request_network(const SandboxSpec& sandbox, const Log& log) {
    NetworkRequest request;
    if (effective_network(sandbox) != Network::slirp) {
        return request;
    }
    const NetworkSpec& network = sandbox.network;
    request.arguments = arguments_of(network);
    request.flow_log = open_output_if_asked("--net-log", network.flow_log, O_APPEND);
    request.capture = open_output_if_asked("--pcap", network.capture, O_TRUNC);
    request.published = bind_published_ports(network.published, log);
    request.follows_host_resolver = network.nameservers.empty();
    return request;
}

void publish_exposed_ports(const std::vector<std::string>& ports, NetworkRequest& request, const Log& log) {
    if (ports.empty()) {
        log.note("--publish-all: the image exposes no ports");
    }
    std::vector<PublishRule> rules;
    for (const std::string& port : ports) {
        try {
            // The image names ports of its own alone: which address and port of the host is not its to say.
            if (port.find(':') != std::string::npos) {
                throw UsageError("--publish-all " + port, "not a port of the image's");
            }
            rules.push_back(parse_publish_rule("--publish-all", port));
        } catch (const UsageError& error) {
            log.note(printable(error.object()) + ": " + error.reason() + ": left out");
        }
    }
    for (PublishedPort& port : bind_published_ports(rules, log)) {
        request.published.push_back(std::move(port));
    }
}

} // namespace sandbox
