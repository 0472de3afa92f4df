// SPDX-License-Identifier: Apache-2.0
// IMAGE of the command line turned into directory trees.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "idmap/mapping.hpp"
#include "image/store.hpp"

namespace sandbox {

enum class ImageKind {
    host,      ///< the host's own root, read-only
    directory, ///< a directory that is a root file system, used live and never written
    tree,      ///< an archive's tree in the store
};

struct Image {
    ImageKind kind = ImageKind::host;
    std::string name;                ///< as the user wrote it
    std::vector<std::string> layers; ///< absolute host paths, uppermost first; empty when only planned
};

/// What `text` names: "host", a directory, or else a file to be imported. A path that does not exist, or a
/// directory that is no root file system, is a UsageError. Reads nothing of a file.
Image identify_image(const std::string& text);

/// Fills `layers` of an archive's image: from the store when the file is known there, else by importing it.
/// Two starts that import the same file at once do it once.
void provide_tree(Image& image, const Store& store, const Mapping& mapping, const Log& log);

/// The same without importing. @return false when the file is not in the store yet
bool provide_tree_if_imported(Image& image, const Store& store, const Mapping& mapping);

/// Whether there is any import that has not become a tree: under way, or left by a kill.
bool has_imports_under_way(const Store& store);

/// Removes what imports that were killed left behind. @return how many were found
unsigned remove_dead_imports(const Store& store, const Mapping& mapping);

/// Ends an import on SIGINT, SIGTERM or SIGHUP; what it had made is gone by then.
struct Interrupted {
    int signal = 0;
};

} // namespace sandbox
