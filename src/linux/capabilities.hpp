// SPDX-License-Identifier: Apache-2.0
// Capability sets (capabilities(7)). Usable between clone and exec: no allocation, -1 and errno on failure.
#pragma once

#include <cstdint>

namespace sandbox {

/// A set of capabilities, one bit each: bit CAP_CHOWN is 1 << 0 and so on.
using CapabilityMask = std::uint64_t;

constexpr CapabilityMask capability_bit(int capability) noexcept {
    return CapabilityMask{1} << capability;
}

/// The highest capability the kernel knows, found by PR_CAPBSET_READ.
int last_capability() noexcept;

/// Sets the effective, permitted and inheritable sets of the calling thread. capset(2).
int set_capabilities(CapabilityMask effective, CapabilityMask permitted, CapabilityMask inheritable) noexcept;

/// The permitted set of the calling thread; 0 where it cannot be read.
CapabilityMask permitted_capabilities() noexcept;

/// Takes everything not in `keep` out of the bounding set, and empties the ambient set.
int limit_capability_bounds(CapabilityMask keep) noexcept;

} // namespace sandbox
