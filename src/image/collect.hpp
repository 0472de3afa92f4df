// SPDX-License-Identifier: Apache-2.0
// What leaves the store: images by name, and all that nothing refers to any more.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "idmap/mapping.hpp"
#include "image/store.hpp"

namespace sandbox {

struct Collected {
    unsigned images = 0;
    unsigned layers = 0;
    unsigned imports = 0;                  ///< half-made ones
    bool import_runs = false;              ///< one is under way, so layers were left alone
    std::vector<std::string> damaged = {}; ///< records (hex) that cannot be read: layers were left alone, too
};

/// Removes images that neither a name nor a known file refers to, unless a sandbox runs in them, and layers
/// that no image has. Killed at any point it leaves a whole store, and the rest to the next one.
/// @param forget_files known files count for nothing
/// @param mapping all ids of the caller's range, whatever the trees' kind of map
Collected collect(const Store& store, const Mapping& mapping, bool forget_files);

struct RemovedImage {
    std::vector<std::string> names; ///< that are gone
    std::string id;                 ///< empty where the image has other names
    bool collected = true;          ///< false: what it takes on the disk is left to the next prune
};

/// Takes a name away, and with its last name the image. Throws UsageError where there is none of that name,
/// or a sandbox runs in it: then says who. @param word a name, or at least six digits of an id
RemovedImage remove_image(const Store& store, const std::string& word, const Mapping& mapping);

} // namespace sandbox
