// SPDX-License-Identifier: Apache-2.0
// Why there is no user-mode network, in words: for a start and for the doctor.
#pragma once

#include "base/error.hpp"

namespace sandbox {

/// @param code the errno of opening /dev/net/tun, or of making the interface
Error tap_failure(int code);

} // namespace sandbox
