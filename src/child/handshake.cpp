// SPDX-License-Identifier: Apache-2.0
// The parent's half of the handshake; the child's half is in enter.cpp.
#include "child/handshake.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace sandbox {

Received receive_packet(int channel, char* tag, int* fd, Report* report) noexcept {
    char bytes[sizeof(Report)];
    iovec part{bytes, sizeof bytes};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t got = 0;
    do {
        got = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        return Received::end;
    }
    const cmsghdr* header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (got == 1 && header != nullptr && header->cmsg_type == SCM_RIGHTS) {
        std::memcpy(fd, CMSG_DATA(header), sizeof *fd);
        *tag = bytes[0];
        return Received::descriptor;
    }
    if (got == static_cast<ssize_t>(sizeof *report)) {
        std::memcpy(report, bytes, sizeof *report);
        return Received::report;
    }
    return Received::failure;
}

} // namespace sandbox
