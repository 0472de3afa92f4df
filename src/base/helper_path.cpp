// SPDX-License-Identifier: Apache-2.0
// Where the helper programs lie.
#include "base/helper_path.hpp"

#include <unistd.h>

#include <algorithm>
#include <climits>

#include "base/error.hpp"

namespace sandbox {

std::string helper_path(const std::string& name) {
    char buffer[PATH_MAX];
    const ssize_t length =
        check(::readlink("/proc/self/exe", buffer, sizeof buffer), "read", "/proc/self/exe");
    std::string path{buffer, static_cast<std::size_t>(length)};
    for (int level = 0; level < 2; ++level) {
        path.erase(std::min(path.find_last_of('/'), path.size())); // above the root is the root
    }
    return path + "/libexec/sandbox/" + name;
}

} // namespace sandbox
