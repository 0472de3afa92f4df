// SPDX-License-Identifier: Apache-2.0
// Which files of the workspace a build looked for that --input hides from it: told by seccomp_unotify(2),
// which holds each open(2) and execve(2) up for a moment, and lets it go on as if nobody had asked.
#pragma once

#include <linux/filter.h>
#include <poll.h>

#include <set>
#include <span>
#include <string>

#include "base/unique_fd.hpp"
#include "build/inputs.hpp"
#include "linux/seccomp_listener.hpp"

namespace sandbox {

class HiddenReads {
  public:
    /// @param place where the workspace is seen, absolute
    /// @param workspace an open directory
    /// @param shown what is seen of it; outlives this
    HiddenReads(std::string place, int workspace, const ShownPart& shown);

    /// TracePlan::lookups.
    static std::span<const sock_filter> filter();

    void take_listener(UniqueFd listener) { listener_ = SeccompListener{std::move(listener)}; }
    [[nodiscard]] int fd() const noexcept { return listener_.fd(); }
    void serve(const pollfd& ready);

    /// Relative to the workspace, sorted.
    [[nodiscard]] const std::set<std::string>& paths() const noexcept { return paths_; }

  private:
    void look_at(const seccomp_notif& call);
    [[nodiscard]] bool is_hidden(const std::string& path) const;

    std::string place_;
    int workspace_;
    const ShownPart& shown_;
    SeccompListener listener_;
    std::set<std::string> paths_;
};

} // namespace sandbox
