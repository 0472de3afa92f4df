// SPDX-License-Identifier: Apache-2.0
// What the commands do: `shell` and `run` from what was asked for to the command's exit status, and the
// store's.
#pragma once

#include <optional>
#include <string>

#include "cli/options.hpp"
#include "image/store.hpp"
#include "spec/environment.hpp"

namespace sandbox {

/// `shell` and `run`. Throws Error; what it returns is the exit status.
int start_sandbox(const Invocation& invocation, const Environment& caller);

/// `import`, `images`, `rmi` and `prune`: the same for the commands of the store.
int run_store_command(const Invocation& invocation, const Environment& caller);

/// --root, or where the environment has the store. @param home the caller's
std::string store_path_of(const Invocation& invocation, const Environment& caller, const std::string& home);

/// --shared-root, where there is one and it may matter.
std::optional<Store> open_shared_store(const Invocation& invocation);

} // namespace sandbox
