// SPDX-License-Identifier: Apache-2.0
// --seccomp log: the calls that the default filter would have denied, told by the kernel one by one and let
// pass.
#pragma once

#include <poll.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/unique_fd.hpp"
#include "linux/seccomp_listener.hpp"

namespace sandbox {

class CallReport {
  public:
    /// @param listener of a filter that answers SECCOMP_RET_USER_NOTIF
    explicit CallReport(UniqueFd listener) : listener_(std::move(listener)) {}

    /// To poll for POLLIN; -1 when nobody is under the filter any more.
    [[nodiscard]] int fd() const noexcept { return listener_.fd(); }

    /// Counts a call that waits, and lets it go on as if there were no filter.
    void serve(const pollfd& ready);

    /// What was counted, a call a line.
    [[nodiscard]] std::string text() const;

  private:
    SeccompListener listener_;
    std::map<std::pair<std::uint32_t, int>, std::uint64_t> counts_; ///< by architecture and number
};

} // namespace sandbox
