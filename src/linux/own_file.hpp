// SPDX-License-Identifier: Apache-2.0
// Files of the caller's own, whatever their mode says.
#pragma once

#include <string>

#include "base/unique_fd.hpp"

namespace sandbox {

/// Opens a regular file of the caller's to read it. One that its owner may not read is made readable for the
/// moment that this takes. Throws SystemError naming the file.
/// @param name relative to `directory`; a symbolic link there is an error
UniqueFd open_own_file(int directory, const std::string& name);

} // namespace sandbox
