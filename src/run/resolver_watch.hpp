// SPDX-License-Identifier: Apache-2.0
// Changes of the host's /etc/resolv.conf: a VPN that comes up, another wireless network.
#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.hpp"

namespace sandbox {

/// Watches the directories that hold the file and, where it is a symbolic link (systemd-resolved,
/// NetworkManager), what it leads to. inotify(7); costs nothing while nothing changes.
class ResolverWatch {
  public:
    /// Where the kernel has no inotify left for this user, nothing is ever reported.
    ResolverWatch();

    /// Readable when something happened there; -1 where nothing is watched.
    [[nodiscard]] int fd() const noexcept { return inotify_.get(); }

    /// The file's new content, where it differs from what was last seen. Call when fd() is readable.
    std::optional<std::string> take_change();

  private:
    void watch();

    UniqueFd inotify_;
    std::string last_;
};

} // namespace sandbox
