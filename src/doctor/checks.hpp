// SPDX-License-Identifier: Apache-2.0
// The single checks. Private to this room.
#pragma once

#include <string>

#include "doctor/finding.hpp"

namespace sandbox {

// ids: user namespaces and what is mapped in them
Finding check_user_namespaces();
Finding check_sub_ids();
Finding check_map_helpers();
Finding check_full_map();

// the root: where images lie and how they are written to
Finding check_store(const std::string& store_path);
Finding check_overlay(const std::string& store_path);
Finding check_fuse_overlayfs();

// the network
Finding check_tap();
Finding check_network_programs();
Finding check_ping();

// confinement and limits
Finding check_seccomp();
Finding check_landlock();
Finding check_time_namespace();
Finding check_cgroups();
Finding check_surroundings();

} // namespace sandbox
