// SPDX-License-Identifier: Apache-2.0
// A mode lent and taken back.
#include "linux/own_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/text.hpp"

namespace sandbox {

UniqueFd open_own_file(int directory, const std::string& name) {
    constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int file = ::openat(directory, name.c_str(), flags);
    struct stat status {};
    if (file < 0 && errno == EACCES &&
        ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode)) {
        const mode_t mode = status.st_mode & 07777U;
        check(::fchmodat(directory, name.c_str(), mode | S_IRUSR, 0), "open", printable(name));
        file = ::openat(directory, name.c_str(), flags);
        const int code = errno;
        (void)!::fchmodat(directory, name.c_str(), mode, 0);
        errno = code;
    }
    return UniqueFd{check(file, "open", printable(name))};
}

} // namespace sandbox
