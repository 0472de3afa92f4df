// SPDX-License-Identifier: Apache-2.0
// The default system-call filter, ready for the kernel: made at build time from syscalls.txt and default.txt.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

/// An instruction that denies, and the capabilities with any of which it allows instead.
struct FilterGate {
    std::uint16_t instruction;
    std::uint64_t capabilities;
};

/// What the build made; empty for an architecture that there is no table for.
struct FilterTable {
    std::span<const sock_filter> instructions;
    std::span<const FilterGate> gates;
    std::string_view native_names; ///< of system calls in the order of their numbers, each closed by a NUL
    std::string_view compatible_names;
};
FilterTable default_filter_table() noexcept;

/// The filter for a root that has these capabilities, one bit each. Where nothing need be changed it is the
/// table itself.
/// @param report what would be denied is told to a listener instead (SECCOMP_RET_USER_NOTIF)
/// @param changed where a filter that differs from the table is kept
std::span<const sock_filter> default_filter(std::uint64_t capabilities, bool report,
                                            std::vector<sock_filter>& changed);

/// The name of a call, or its number where it has none here. @param architecture AUDIT_ARCH_*
std::string syscall_name(std::uint32_t architecture, int number);

} // namespace sandbox
