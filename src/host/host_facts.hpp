// SPDX-License-Identifier: Apache-2.0
// What is so on this host and of this caller. On a start only what costs next to nothing is looked at; what
// the kernel allows is found by doing it.
#pragma once

#include <sys/types.h>

#include <string>

namespace sandbox {

struct HostFacts {
    uid_t uid = 0; ///< effective, as at the start
    gid_t gid = 0;
    std::string home;      ///< $HOME, absolute; else the passwd entry's; empty where there is none
    std::string directory; ///< the working directory; empty where it cannot be named
    bool terminal = false; ///< stdin and stdout are terminals
};

/// Looks at the calling process. Call before any namespace is entered.
HostFacts look_at_host(const std::string& home_variable);

} // namespace sandbox
