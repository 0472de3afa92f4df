// SPDX-License-Identifier: Apache-2.0
// IMAGE of the command line turned into directory trees.
#pragma once

#include <string>
#include <vector>

#include "base/image_record.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "idmap/mapping.hpp"
#include "image/store.hpp"

namespace sandbox {

enum class ImageKind {
    host,      ///< the host's own root, read-only
    directory, ///< a directory that is a root file system, used live and never written
    tree,      ///< trees in the store: of a stored image, or of an archive that is imported for it
};

struct Image {
    ImageKind kind = ImageKind::host;
    std::string name;                ///< as the user wrote it
    std::vector<std::string> layers; ///< absolute host paths, uppermost first; empty when only planned
    std::string id;                  ///< a stored image's; of an archive known when its tree is there
    ImageConfig config;              ///< empty for what is no image of docker's or OCI's kind
    UniqueFd lock;                   ///< tree: as long as it is open nobody removes the image
    bool unsynced = false;           ///< imported since the host started, and maybe not on the disk yet
    bool is_new = false;             ///< the store did not have it before this
    const Store* shared = nullptr;   ///< the store of others that the name was found in; borrowed
};

/// What `text` names: "host", a stored image, "-" for stdin, a directory that is a root file system, or else
/// an archive (an OCI layout's directory too) to be imported. A path that does not exist, or a directory that
/// is neither, is a UsageError. Reads nothing of a file. @param store null where there is none yet
/// @param shared asked for a name that the store has not; may be null, else outlives the result
Image identify_image(const std::string& text, const Store* store, const Store* shared = nullptr);

/// The ids that trees are made for, and what they were decided from.
struct TreeMapping {
    MappingRequest request;
    Mapping mapping;        ///< mapping_for_trees()
    bool read_only = false; ///< nobody will write to the root, so owners that are not mapped do no harm
};

/// Fills in the image's trees, config and lock: from the store when the file is known there, else by
/// importing it. Two starts that import the same file at once do it once. Trees of a shared store are used
/// where they lie as far as they fit, and else copied into `store` once.
void provide_tree(Image& image, const Store& store, const TreeMapping& trees, const Log& log);

/// The same without importing. @return false when the file is not in the store yet
bool provide_tree_if_imported(Image& image, const Store& store, const TreeMapping& trees);

/// Puts the image into the store, under a name besides, all of it on the disk when this returns.
/// @param name canonical; empty: what the archive itself says, else what its file is called
struct Imported {
    std::string id;
    std::vector<std::string> names;
    bool was_there = false; ///< nothing had to be unpacked
};
Imported import_image(const std::string& source, const std::string& name, const Store& store,
                      const TreeMapping& trees, const Log& log);

/// Writes what was imported lately to the disk, so that a power failure takes nothing of it any more.
/// syncfs(2)
void sync_store(const Store& store);
/// Remembers that it was done since this image was imported.
void mark_synced(const Store& store, const std::string& id);

/// Whether there is any import that has not become a tree: under way, or left by a kill.
bool has_imports_under_way(const Store& store);

/// Removes what imports that were killed left behind, as far as they were made with this map. @return how
/// many were found
unsigned remove_dead_imports(const Store& store, const Mapping& mapping);
/// The same of every map; `mapping` has all ids of the caller's range.
unsigned remove_all_dead_imports(const Store& store, const Mapping& mapping);

} // namespace sandbox
