// SPDX-License-Identifier: Apache-2.0
// Whole-file reads and writes, and pipes; every descriptor is close-on-exec.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

namespace sandbox {

/// The two ends of pipe2(2), both O_CLOEXEC.
struct Pipe {
    UniqueFd read;
    UniqueFd write;
};
Pipe make_pipe();

/// A pipe for single bytes, made of sockets: where the reader is gone send_byte fails, and no SIGPIPE comes.
Pipe make_byte_pipe();
/// @return 0, or -1 with errno
int send_byte(int fd, char byte) noexcept;

/// Reads to the end. @param limit in bytes; a longer file is an error that names `object`.
std::string read_all(int fd, std::string_view object, std::size_t limit = 1 << 20);

/// The content of a file, relative to `dir_fd` (AT_FDCWD for the working directory).
std::string read_file(int dir_fd, const std::string& path, std::size_t limit = 1 << 20);

/// As read_file, but nothing when there is no such file.
std::optional<std::string> read_file_if_exists(int dir_fd, const std::string& path,
                                               std::size_t limit = 1 << 20);

/// Writes all of it, going on after short writes and EINTR.
void write_all(int fd, std::string_view bytes, std::string_view object);

/// Writes a file so that it is seen whole or not at all: a temporary name beside it, then rename(2).
/// Power-off order is not promised here; the caller syncs where that matters.
/// @param mode whatever the umask is
void write_file_atomically(int dir_fd, const std::string& path, std::string_view bytes, unsigned mode = 0600);

/// One byte or none: reads until one byte, end of file (false) or an error other than EINTR.
bool read_byte(int fd, char* byte);

} // namespace sandbox
