// SPDX-License-Identifier: Apache-2.0
// The generated filter, fitted to a sandbox.
#include "seccomp/default_filter.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>

namespace sandbox {

std::span<const sock_filter> default_filter(std::uint64_t capabilities, bool report,
                                            std::vector<sock_filter>& changed) {
    const FilterTable table = default_filter_table();
    const auto opens = [&](const FilterGate& gate) { return (gate.capabilities & capabilities) != 0; };
    if (!report && std::none_of(table.gates.begin(), table.gates.end(), opens)) {
        return table.instructions;
    }
    changed.assign(table.instructions.begin(), table.instructions.end());
    for (const FilterGate& gate : table.gates) {
        if (opens(gate)) {
            changed[gate.instruction].k = SECCOMP_RET_ALLOW;
        }
    }
    for (sock_filter& instruction : changed) {
        const bool denies = instruction.code == (BPF_RET | BPF_K) &&
                            instruction.k == (SECCOMP_RET_ERRNO | std::uint32_t{EPERM});
        if (report && denies) {
            instruction.k = SECCOMP_RET_USER_NOTIF;
        }
    }
    return changed;
}

std::string syscall_name(std::uint32_t architecture, int number) {
    const FilterTable table = default_filter_table();
    std::string_view names = architecture == AUDIT_ARCH_I386 ? table.compatible_names : table.native_names;
    for (int skipped = 0; skipped < number && !names.empty(); ++skipped) {
        names.remove_prefix(std::min(names.find('\0'), names.size() - 1) + 1);
    }
    const std::string_view name = names.substr(0, names.find('\0'));
    return name.empty() || number < 0 ? "call number " + std::to_string(number) : std::string{name};
}

} // namespace sandbox
