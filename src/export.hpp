// SPDX-License-Identifier: Apache-2.0
// `sandbox export`.
#pragma once

#include "cli/cli.hpp"
#include "spec/environment.hpp"

namespace sandbox {

/// Writes an image's tree as a tar to a file or to stdout. @return the exit status; throws Error
int export_image(const Invocation& invocation, const Environment& caller);

} // namespace sandbox
