// SPDX-License-Identifier: Apache-2.0
// Combinations of options that cannot mean anything, refused before anything is done. Pure.
#pragma once

#include "spec/spec.hpp"

namespace sandbox {

/// Throws UsageError naming both options where two contradict.
void validate(const Spec& spec);

/// Whether the host's namespace of a kind is kept.
bool shares(const SandboxSpec& sandbox, Namespace kind);

} // namespace sandbox
