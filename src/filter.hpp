// SPDX-License-Identifier: Apache-2.0
// --seccomp: the system-call filter of a start, as the kernel takes it.
#pragma once

#include <linux/filter.h>

#include <span>
#include <vector>

#include "base/log.hpp"
#include "image/store.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// Empty for --seccomp unconfined. A profile is compiled by sandbox-aid, once: what came of it is kept in the
/// store.
/// @param memory where a filter is kept that the program does not hold ready
/// @param store nullptr: nothing is kept
std::span<const sock_filter> find_filter(const Spec& spec, const Store* store, const Log& log,
                                         std::vector<sock_filter>& memory);

} // namespace sandbox
