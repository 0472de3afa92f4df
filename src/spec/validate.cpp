// SPDX-License-Identifier: Apache-2.0
// Combinations of options.
#include "spec/validate.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace sandbox {

bool shares(const SandboxSpec& sandbox, Namespace kind) {
    if (kind == Namespace::net && sandbox.network.kind == Network::host) {
        return true;
    }
    return std::find(sandbox.shared.begin(), sandbox.shared.end(), kind) != sandbox.shared.end();
}

Network effective_network(const SandboxSpec& sandbox) {
    return shares(sandbox, Namespace::net) ? Network::host : sandbox.network.kind;
}

namespace {

/// An option of the user-mode network that could do nothing without it: silence would be a promise broken.
const char* network_option(const NetworkSpec& network) {
    const std::pair<bool, const char*> asked[] = {
        {!network.published.empty(), "--publish"},
        {network.publish_exposed, "--publish-all"},
        {!network.allowed.empty(), "--allow"},
        {!network.flow_log.empty(), "--net-log"},
        {!network.capture.empty(), "--pcap"},
        {network.host_loopback, "--host-loopback"},
        {!network.nameservers.empty(), "--dns"},
        {!network.search_domains.empty(), "--dns-search"},
        {network.mtu != NetworkSpec{}.mtu, "--mtu"},
        {!network.ipv6, "--no-ipv6"},
        {network.engine != NetEngine::automatic, "--net-engine"},
    };
    for (const auto& [is_asked, option] : asked) {
        if (is_asked) {
            return option;
        }
    }
    return nullptr;
}

void validate_network(const SandboxSpec& sandbox) {
    const NetworkSpec& network = sandbox.network;
    if (network.kind == Network::none && shares(sandbox, Namespace::net)) {
        throw UsageError("--network none, --share net", "no network and the host's contradict",
                         "drop one of the two");
    }
    const Network kind = effective_network(sandbox);
    if (const char* option = network_option(network); option != nullptr && kind != Network::slirp) {
        throw UsageError(option,
                         kind == Network::none ? "there is no network to apply it to"
                                               : "does not apply to the host's network",
                         "--network slirp makes one; a configuration file may say otherwise");
    }
    if (!network.capture.empty() && network.engine == NetEngine::splice) {
        throw UsageError("--pcap, --net-engine splice",
                         "spliced TCP does not pass the interface that is captured", "drop one of the two");
    }
    if (!network.capture.empty() && network.capture == network.flow_log) {
        throw UsageError("--net-log, --pcap", "both write to one file", "give each its own");
    }
}

} // namespace

void validate(const Spec& spec) {
    const SandboxSpec& sandbox = spec.sandbox;
    const bool is_host = sandbox.image == "host";
    if (is_host && (sandbox.storage != Storage::automatic || sandbox.upper != UpperPlace::automatic)) {
        throw UsageError("--storage, --upper", "the host's root has no writable layer",
                         "leave them out, or name an image");
    }
    if (is_host && sandbox.user_namespace == UserNamespace::automatic && !spec.process.user.empty()) {
        throw UsageError("--user", "in a sandbox of the host's root you are yourself",
                         "--userns single makes you root inside");
    }
    if (sandbox.upper == UpperPlace::tmpfs && sandbox.storage == Storage::copy) {
        throw UsageError("--upper tmpfs", "has no meaning with --storage copy, which has no upper layer");
    }
    validate_network(sandbox);
    if (sandbox.time_offset && shares(sandbox, Namespace::time)) {
        throw UsageError("--time-offset", "needs a time namespace of the sandbox's own", "drop --share time");
    }
    if (shares(sandbox, Namespace::uts) && sandbox.hostname != "sandbox") {
        throw UsageError("--hostname", "the host's name is kept by --share uts", "drop one of the two");
    }
    if (spec.json && !spec.dry_run) {
        throw UsageError("--json", "there is nothing to print as JSON", "it goes with --dry-run");
    }
    if (!spec.process.init && shares(sandbox, Namespace::pid)) {
        throw UsageError("--no-init", "needs a pid namespace of the sandbox's own", "drop --share pid");
    }
}

} // namespace sandbox
