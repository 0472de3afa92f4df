// SPDX-License-Identifier: Apache-2.0
// One descriptor over a unix socket (SCM_RIGHTS, unix(7)). Usable between clone and exec.
#pragma once

namespace sandbox {

/// Sends `fd` with the one byte `tag`. @return 0, or -1 with errno
int send_fd(int socket, int fd, char tag) noexcept;

/// Receives what send_fd sent; the descriptor is close-on-exec.
/// @return the descriptor, or -1 with errno (0 when the other end is closed, EPROTO when no descriptor came)
int receive_fd(int socket, char* tag) noexcept;

} // namespace sandbox
