// SPDX-License-Identifier: Apache-2.0
// A process's own id maps.
#include "linux/user_namespace.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sandbox {

namespace {

int write_own_file(const char* path, const char* text) noexcept {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    const ssize_t put = ::write(fd, text, std::strlen(text));
    const int code = errno;
    (void)::close(fd);
    errno = code;
    return put < 0 ? -1 : 0;
}

} // namespace

int write_own_maps(const char* uid_map, const char* gid_map) noexcept {
    // Without this a process could drop a group that denies it something: CVE-2014-8989, CVE-2018-7169.
    if (write_own_file("/proc/self/setgroups", "deny") < 0 ||
        write_own_file("/proc/self/uid_map", uid_map) < 0) {
        return -1;
    }
    return write_own_file("/proc/self/gid_map", gid_map);
}

} // namespace sandbox
