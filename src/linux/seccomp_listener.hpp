// SPDX-License-Identifier: Apache-2.0
// The other end of a filter that answers SECCOMP_RET_USER_NOTIF. seccomp_unotify(2)
#pragma once

#include <linux/seccomp.h>
#include <poll.h>

#include <functional>

#include "base/unique_fd.hpp"

namespace sandbox {

/// Looks at each call that waits and lets it go on as if there were no filter.
class SeccompListener {
  public:
    SeccompListener() = default;
    explicit SeccompListener(UniqueFd listener) : listener_(std::move(listener)) {}

    /// To poll for POLLIN; -1 when nobody is under the filter any more.
    [[nodiscard]] int fd() const noexcept { return listener_.get(); }

    /// @param ready what poll(2) said of fd()
    /// @param look_at called with the call that waits, if one does
    void serve(const pollfd& ready, const std::function<void(const seccomp_notif&)>& look_at);

    /// Whether that call still waits: only then was what was read of its process that process's.
    /// seccomp_unotify(2), "TOCTOU"
    [[nodiscard]] bool still_waits(const seccomp_notif& call) const noexcept;

  private:
    UniqueFd listener_;
};

} // namespace sandbox
