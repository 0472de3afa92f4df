// SPDX-License-Identifier: Apache-2.0
// A build's outputs put into the workspace: each file is there whole or not at all.
#pragma once

#include <string>
#include <vector>

#include "build/outputs.hpp"

namespace sandbox {

struct AppliedChanges {
    std::vector<std::string> without_set_id; ///< files whose set-user-ID or set-group-ID bit was taken away
    bool copied = false; ///< the upper directory lies on another file system: files could not be moved
};

/// Moves the outputs (rename(2)), with the modes and times that the build gave them; where they lie on
/// another file system they are copied beside their place and renamed. What the build removed is removed;
/// what it was not shown is not, whatever it did.
/// Set-id bits are taken away: a stranger's program would be yours to whoever runs it. Throws SystemError
/// naming the output; those before it have been put in place then, those behind it not.
AppliedChanges apply_outputs(const BuiltTree& tree, const std::vector<Change>& outputs);

} // namespace sandbox
