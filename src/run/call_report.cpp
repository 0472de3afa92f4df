// SPDX-License-Identifier: Apache-2.0
// Notifications of the filter, counted and answered.
#include "run/call_report.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include "seccomp/default_filter.hpp"

namespace sandbox {

void CallReport::serve(const pollfd& ready) {
    if (ready.revents == 0) {
        return;
    }
    if ((ready.revents & POLLIN) == 0) {
        listener_.reset(); // POLLHUP: the last process under the filter is gone
        return;
    }
    seccomp_notif call{}; // must be zeroed: seccomp_unotify(2)
    if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
        return; // ENOENT: a signal has taken the caller out of it again
    }
    ++counts_[{call.data.arch, call.data.nr}];
    seccomp_notif_resp answer{};
    answer.id = call.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    (void)::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer); // ENOENT as above
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
