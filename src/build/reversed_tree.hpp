// SPDX-License-Identifier: Apache-2.0
// The workspace copied so that its directories are read in another order.
#pragma once

#include <string>

#include "base/signals.hpp"
#include "base/unique_fd.hpp"
#include "build/inputs.hpp"

namespace sandbox {

/// A copy on a tmpfs, which lists its entries by when they were made; it goes with this object. What a killed
/// process left is removed by the next.
class ReversedTree {
  public:
    /// Throws Error, and what `checkpoint` throws.
    /// @param shown what is copied of the workspace
    ReversedTree(const std::string& workspace_path, const ShownPart& shown, const Checkpoint& checkpoint);
    ~ReversedTree();
    ReversedTree(const ReversedTree&) = delete;
    ReversedTree& operator=(const ReversedTree&) = delete;

    /// Absolute; empty where there is no copy.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Why no directory with several entries is read in another order than in the workspace; empty where
    /// one is.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

  private:
    void remove();

    UniqueFd lock_; ///< of the directory: it tells others that this process lives
    std::string name_;
    std::string path_;
    std::string failure_ = "no file system is at hand on which directories can be read otherwise";
};

} // namespace sandbox
