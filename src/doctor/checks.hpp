// SPDX-License-Identifier: Apache-2.0
// The single checks. Private to this room.
#pragma once

#include <string>

#include "doctor/finding.hpp"
#include "run/cgroup.hpp"

namespace sandbox {

// what is allowed
Finding check_user_namespaces();
Finding check_proc();
Finding check_sysctls();
Finding check_apparmor();

// ids that can be mapped
Finding check_sub_ids();
Finding check_map_helpers();
Finding check_full_map();

// the root: where images lie and how they are written to
Finding check_store(const std::string& store_path);
Finding check_xattrs(const std::string& store_path);
Finding check_overlay(const std::string& store_path);
Finding check_dead_runs(const std::string& store_path);
Finding check_fuse_overlayfs();

// the network
Finding check_tap();
Finding check_splice_engine();
Finding check_ping();

// confinement and limits
Finding check_seccomp();
Finding check_landlock();
Finding check_time_namespace();
Finding check_cgroups(const SessionAddress& session);
Finding check_surroundings();

} // namespace sandbox
