// SPDX-License-Identifier: Apache-2.0
// The domain: a user namespace with the caller's whole sub-id range, kept by a small process, so that later
// starts need no newuidmap. A sandbox's own user namespace is made inside it and stays separate from others'.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "idmap/id_map.hpp"
#include "idmap/subid.hpp"

namespace sandbox {

/// The caller's domain on this host. Its state is a file in $XDG_RUNTIME_DIR/sandbox (or the fallback), of
/// which nothing is trusted before the kernel has confirmed it: the holder's user namespace must have the
/// recorded inode, be owned by the caller, and show the recorded maps, and the holder must hold the file's
/// lock.
class Domain {
  public:
    /// @param fallback_directory where XDG_RUNTIME_DIR is unset or not the caller's; made when needed
    Domain(uid_t uid, gid_t gid, std::string fallback_directory);

    /// Moves this process into the domain if there is a good one. setns(2) needs a single-threaded process.
    /// @return the ranges it holds
    std::optional<SubIds> join_if_exists();

    /// Makes a domain by newuidmap and newgidmap, unless another process just did, and joins it. Where none
    /// can be kept (no directory for the state), it says so at debug level and joins nothing.
    void make_and_join(const SubIds& ranges, const Log& log);

    [[nodiscard]] bool joined() const noexcept { return joined_; }
    /// The domain's own maps, outside ids as seen where `sandbox` was started.
    [[nodiscard]] const IdMaps& maps() const noexcept { return maps_; }

  private:
    std::string open_directory(bool create);
    void start_holder(const SubIds& ranges);

    uid_t uid_;
    gid_t gid_;
    std::string fallback_directory_;
    UniqueFd directory_;
    IdMaps maps_;
    bool joined_ = false;
};

/// How long a domain stays after its last use, in seconds.
inline constexpr unsigned domain_idle_seconds = 120;

} // namespace sandbox
