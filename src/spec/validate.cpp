// SPDX-License-Identifier: Apache-2.0
// Combinations of options.
#include "spec/validate.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace sandbox {

bool shares(const SandboxSpec& sandbox, Namespace kind) {
    if (kind == Namespace::net && sandbox.network == Network::host) {
        return true;
    }
    return std::find(sandbox.shared.begin(), sandbox.shared.end(), kind) != sandbox.shared.end();
}

Network effective_network(const SandboxSpec& sandbox) {
    return shares(sandbox, Namespace::net) ? Network::host : sandbox.network;
}

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
    if (sandbox.network == Network::none && shares(sandbox, Namespace::net)) {
        throw UsageError("--network none, --share net", "no network and the host's contradict",
                         "drop one of the two");
    }
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
