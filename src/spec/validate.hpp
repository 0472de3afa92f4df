// SPDX-License-Identifier: Apache-2.0
// Combinations of options that cannot mean anything, refused before anything is done. Pure.
#pragma once

#include "spec/spec.hpp"

namespace sandbox {

/// Throws UsageError naming both options where two contradict.
void validate(const Spec& spec);

/// The network there is: --share net is the host's, as --network host.
Network effective_network(const SandboxSpec& sandbox);

/// Whether the host's namespace of a kind is kept.
bool shares(const SandboxSpec& sandbox, Namespace kind);

} // namespace sandbox
