// SPDX-License-Identifier: Apache-2.0
// The programs that serve a running sandbox from outside: its network and, where asked for, its file system.
#pragma once

#include <poll.h>

#include "base/log.hpp"
#include "base/process.hpp"
#include "base/unique_fd.hpp"
#include "idmap/mapping.hpp"
#include "plan/plan.hpp"

namespace sandbox {

/// The tap of a sandbox. sandbox-net is started at the first frame that arrives: a command that uses no
/// network does not pay for one. The destructor ends it.
class NetworkHelper {
  public:
    explicit NetworkHelper(UniqueFd tap) : tap_(std::move(tap)) {}
    ~NetworkHelper();
    NetworkHelper(const NetworkHelper&) = delete;
    NetworkHelper& operator=(const NetworkHelper&) = delete;

    /// What to wait for; serve() when it is ready.
    void prepare(pollfd& wait) const;
    void serve(const pollfd& ready, unsigned mtu, const Log& log);

  private:
    void start(unsigned mtu);
    void read_report(const Log& log);

    UniqueFd tap_; ///< until the helper has it
    UniqueFd report_;
    ChildProcess process_;
};

/// Where distributions put it.
inline constexpr const char* fuse_overlayfs_path = "/usr/bin/fuse-overlayfs";

/// Serves a fuse-overlayfs mount whose /dev/fuse the child opened. The destructor ends it.
class FuseOverlayHelper {
  public:
    FuseOverlayHelper(const UniqueFd& device, const RootPlan& root, const Mapping& mapping);
    ~FuseOverlayHelper();
    FuseOverlayHelper(const FuseOverlayHelper&) = delete;
    FuseOverlayHelper& operator=(const FuseOverlayHelper&) = delete;

  private:
    ChildProcess process_;
};

} // namespace sandbox
