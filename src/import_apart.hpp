// SPDX-License-Identifier: Apache-2.0
// An import in a process of its own.
#pragma once

#include "base/log.hpp"
#include "image/image.hpp"

namespace sandbox {

/// provide_tree() without a trace in this process, which may have to stay out of the caller's domain: who has
/// entered it cannot leave. The image's trees are not filled in. Throws what the import throws.
void import_apart(Image& image, const Store& store, const MappingRequest& request, const Log& log);

} // namespace sandbox
