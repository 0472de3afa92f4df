// SPDX-License-Identifier: Apache-2.0
// Overwrites argv in place: its strings lie one after the other, followed by those of the environment.
// proc(5), /proc/PID/cmdline.
#include "linux/process_title.hpp"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>

namespace sandbox {

void set_process_title(const char* title) noexcept {
    (void)::prctl(PR_SET_NAME, title);           // only a bad address fails
    char* const begin = program_invocation_name; // argv[0] itself
    // What follows the arguments: the environment, or, where that is empty, the executable's path. execve(2).
    const char* const end = environ != nullptr && environ[0] != nullptr
                                ? environ[0]
                                : reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    if (end <= begin) {
        return;
    }
    const auto size = static_cast<std::size_t>(end - begin);
    std::memset(begin, 0, size);
    for (std::size_t i = 0; i + 1 < size && title[i] != '\0'; ++i) {
        begin[i] = title[i];
    }
}

} // namespace sandbox
