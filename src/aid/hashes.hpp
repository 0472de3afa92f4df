// SPDX-License-Identifier: Apache-2.0
// SHA-256 of files, for reports.
#pragma once

#include <string>

namespace sandbox::aid {

/// @param names paths relative to `directory`, a NUL behind each; no link is followed
/// @return a line of hexadecimal digits for each. Throws Error naming the file that cannot be read.
std::string hash_files(int directory, const std::string& names);

} // namespace sandbox::aid
