// SPDX-License-Identifier: Apache-2.0
// What a caller of run_sandbox() may look at while the command runs.
#pragma once

#include <poll.h>

#include <cstddef>

#include "base/unique_fd.hpp"

namespace sandbox {

/// Called from the supervisor's loop, which must not be held up.
class Onlooker {
  public:
    static constexpr std::size_t wait_count = 2;

    Onlooker() = default;
    virtual ~Onlooker() = default;
    Onlooker(const Onlooker&) = delete;
    Onlooker& operator=(const Onlooker&) = delete;

    /// The sandbox's root, complete; the command starts when this returns. Paths below it lead through the
    /// sandbox's mounts.
    virtual void take_root(UniqueFd root) = 0;
    /// The listener of TracePlan::lookups: seccomp_unotify(2).
    virtual void take_listener(UniqueFd listener) = 0;
    /// Fills in what to wait for; what stays -1 is not waited for.
    virtual void prepare(pollfd* wait) = 0;
    virtual void serve(const pollfd* ready) = 0;
    /// Everything inside has ended.
    virtual void finish() = 0;
};

} // namespace sandbox
