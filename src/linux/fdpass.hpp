// SPDX-License-Identifier: Apache-2.0
// One descriptor over a unix socket (SCM_RIGHTS, unix(7)). Usable between clone and exec.
#pragma once

namespace sandbox {

/// Sends `fd` with the one byte `tag`. @return 0, or -1 with errno
int send_fd(int socket, int fd, char tag) noexcept;

} // namespace sandbox
