// SPDX-License-Identifier: Apache-2.0
// Facts about the calling process.
#include "host/host_facts.hpp"

#include <unistd.h>

#include <climits>

#include "base/passwd.hpp"

namespace sandbox {

namespace {

std::string home_of(uid_t uid, const std::string& variable) {
    if (variable.starts_with('/')) {
        return variable;
    }
    const auto entry = find_host_user(uid);
    return entry && entry->home.starts_with('/') ? entry->home : "";
}

std::string working_directory() {
    char path[PATH_MAX];
    // A directory outside of the caller's root is named "(unreachable)...": getcwd(3).
    return ::getcwd(path, sizeof path) != nullptr && path[0] == '/' ? path : "";
}

} // namespace

HostFacts look_at_host(const std::string& home_variable) {
    HostFacts facts;
    facts.uid = ::geteuid();
    facts.gid = ::getegid();
    facts.home = home_of(facts.uid, home_variable);
    facts.directory = working_directory();
    facts.terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
    return facts;
}

} // namespace sandbox
