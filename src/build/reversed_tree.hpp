// SPDX-License-Identifier: Apache-2.0
// The workspace copied so that its directories are read in another order.
#pragma once

#include <string>

#include "base/unique_fd.hpp"
#include "build/inputs.hpp"

namespace sandbox {

/// A copy on a tmpfs, which lists its entries by when they were made; it goes with this object. What a killed
/// process left is removed by the next.
class ReversedTree {
  public:
    /// @param shown what is copied of the workspace
    ReversedTree(const std::string& workspace_path, const ShownPart& shown);
    ~ReversedTree();
    ReversedTree(const ReversedTree&) = delete;
    ReversedTree& operator=(const ReversedTree&) = delete;

    /// Absolute; empty where there is no tmpfs.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Whether a directory with several entries is really read in another order than in the workspace.
    [[nodiscard]] bool is_reversed() const noexcept { return reversed_; }

  private:
    UniqueFd lock_; ///< of the directory: it tells others that this process lives
    std::string name_;
    std::string path_;
    bool reversed_ = false;
};

} // namespace sandbox
