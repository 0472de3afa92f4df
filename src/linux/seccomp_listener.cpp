// SPDX-License-Identifier: Apache-2.0
// Notifications, received and answered.
#include "linux/seccomp_listener.hpp"

#include <sys/ioctl.h>

namespace sandbox {

void SeccompListener::serve(const pollfd& ready, const std::function<void(const seccomp_notif&)>& look_at) {
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
    look_at(call);
    seccomp_notif_resp answer{};
    answer.id = call.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    (void)::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer); // ENOENT as above
}

bool SeccompListener::still_waits(const seccomp_notif& call) const noexcept {
    return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) == 0;
}

} // namespace sandbox
