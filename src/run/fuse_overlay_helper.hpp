// SPDX-License-Identifier: Apache-2.0
// fuse-overlayfs, which serves a running sandbox's root from outside where the kernel's overlayfs cannot.
#pragma once

#include "base/process.hpp"
#include "base/unique_fd.hpp"
#include "idmap/mapping.hpp"
#include "plan/plan.hpp"

namespace sandbox {

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
