// SPDX-License-Identifier: Apache-2.0
// Notifications of the filter, counted.
#include "run/call_report.hpp"

#include <linux/audit.h>

#include "seccomp/default_filter.hpp"

namespace sandbox {

void CallReport::serve(const pollfd& ready) {
    listener_.serve(ready, [this](const seccomp_notif& call) { ++counts_[{call.data.arch, call.data.nr}]; });
}

std::string CallReport::text() const {
    if (counts_.empty()) {
        return "seccomp: the default filter would have denied nothing";
    }
    std::string text = "seccomp: the default filter would have denied:";
    for (const auto& [call, count] : counts_) {
        text += "\n  " + syscall_name(call.first, call.second) +
                (call.first == AUDIT_ARCH_I386 ? " (i386) " : " ") + std::to_string(count) +
                (count == 1 ? " time" : " times");
    }
    return text;
}

} // namespace sandbox
