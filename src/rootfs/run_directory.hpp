// SPDX-License-Identifier: Apache-2.0
// The directory of one running sandbox in the store: upper and work of its overlay, or its copy of a tree.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "idmap/mapping.hpp"
#include "image/store.hpp"

namespace sandbox {

/// runs/MAP/N, locked by this process. Directories are recycled between starts: making them anew costs more
/// than emptying them. What a killed run left in one is moved aside and removed by remove_dead_runs().
class RunDirectory {
  public:
    RunDirectory(const Store& store, const Mapping& mapping);
    /// Cleans as far as that can be done, where clean() was not called: after a start that failed.
    ~RunDirectory();
    RunDirectory(const RunDirectory&) = delete;
    RunDirectory& operator=(const RunDirectory&) = delete;

    /// Absolute path; holds upper/ and work/, both empty.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Empties it again after the sandbox's end. The process may have to be in the user namespace that owns
    /// the files by now (or a parent of it).
    void clean();

    /// Whether anything was found that a killed run left.
    [[nodiscard]] bool found_dead_runs() const noexcept { return found_dead_runs_; }

  private:
    bool take(const std::string& name);
    void make_parts();

    UniqueFd kind_;
    UniqueFd directory_;
    std::string path_;
    bool found_dead_runs_ = false;
    bool cleaned_ = false;
};

/// Removes what killed runs of this kind of map left behind.
void remove_dead_runs(const Store& store, const Mapping& mapping);

/// The same for every kind of map; `mapping` has all ids of the caller's range. @return how many there were
unsigned prune_runs(const Store& store, const Mapping& mapping);

/// How many of them there are in a store that may be another's to make: 0 where it has no runs.
/// @param store_path need not exist
unsigned count_dead_runs(const std::string& store_path);

/// Fills `path`/copy with the layers' files, owners and all, sharing blocks where the file system can
/// (reflink): for hosts where no overlay works. Throws when the copy fails; what it made is removed by
/// clean().
/// @param layers uppermost first
void copy_tree(const std::vector<std::string>& layers, const RunDirectory& directory, const Mapping& mapping);

} // namespace sandbox
