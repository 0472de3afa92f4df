// SPDX-License-Identifier: Apache-2.0
// Whole-file reads and writes, and pipes.
#include "base/files.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.hpp"

namespace sandbox {

Pipe make_pipe() {
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "make a pipe");
    return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

Pipe make_byte_pipe() {
    int ends[2];
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "make", "a socket pair");
    return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

int send_byte(int fd, char byte) noexcept {
    ssize_t sent = 0;
    do {
        sent = ::send(fd, &byte, 1, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == 1 ? 0 : -1;
}

std::string read_all(int fd, std::string_view object, std::size_t limit) {
    // Straight into the string, as long as the file says it is: a buffer in between costs a start memory.
    struct stat status {};
    const bool sized = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
    std::size_t room = sized ? std::min(static_cast<std::size_t>(status.st_size), limit) + 1 : 4096;
    std::string content;
    std::size_t used = 0;
    while (true) {
        content.resize(used + room);
        const ssize_t got = ::read(fd, content.data() + used, room);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        check(got, "read", object);
        used += static_cast<std::size_t>(got);
        if (used > limit) {
            throw UsageError(object, "larger than " + std::to_string(limit) + " bytes");
        }
        if (got == 0) {
            content.resize(used);
            return content;
        }
        room = std::max(content.size() - used, std::size_t{4096});
    }
}

std::string read_file(int dir_fd, const std::string& path, std::size_t limit) {
    const UniqueFd file{check(::openat(dir_fd, path.c_str(), O_RDONLY | O_CLOEXEC), "open", path)};
    return read_all(file.get(), path, limit);
}

std::optional<std::string> read_file_if_exists(int dir_fd, const std::string& path, std::size_t limit) {
    const UniqueFd file{::openat(dir_fd, path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file.valid()) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return std::nullopt;
        }
        throw_errno(errno, "open", path);
    }
    return read_all(file.get(), path, limit);
}

void write_all(int fd, std::string_view bytes, std::string_view object) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) {
            continue;
        }
        check(put, "write", object);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

void write_file_atomically(int dir_fd, const std::string& path, std::string_view bytes, unsigned mode) {
    const std::string temporary = path + ".tmp." + std::to_string(::getpid());
    {
        const UniqueFd file{check(
            ::openat(dir_fd, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600),
            "write", path)};
        try {
            write_all(file.get(), bytes, path);
            if (mode != 0600) {
                check(::fchmod(file.get(), mode), "set the mode of", path);
            }
        } catch (...) {
            (void)::unlinkat(dir_fd, temporary.c_str(), 0); // the first failure is the one to report
            throw;
        }
    }
    if (::renameat(dir_fd, temporary.c_str(), dir_fd, path.c_str()) < 0) {
        const int code = errno;
        (void)::unlinkat(dir_fd, temporary.c_str(), 0); // the first failure is the one to report
        throw_errno(code, "write", path);
    }
}

bool read_byte(int fd, char* byte) {
    while (true) {
        const ssize_t got = ::read(fd, byte, 1);
        if (got == 1) {
            return true;
        }
        if (got == 0 || errno != EINTR) {
            return false;
        }
    }
}

} // namespace sandbox
