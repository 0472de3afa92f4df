// SPDX-License-Identifier: Apache-2.0
// From a profile to a classic-BPF program (seccomp(2)): a binary tree over ranges of numbers, which costs the
// kernel a third of what a list costs it when it loads one, and works every number out beforehand.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "seccomp/profile.hpp"

namespace sandbox {

/// One instruction; a return that capabilities turn into "allow" carries them.
struct FilterInstruction {
    sock_filter code{};
    std::uint64_t capabilities = 0;
};

/// The program of a machine whose programs may use these architectures, the native one first. x32 gets
/// ENOSYS, any other architecture ends the process.
std::vector<FilterInstruction> compile_filter(const FilterProfile& profile,
                                              const std::vector<FilterArchitecture>& architectures);

} // namespace sandbox
