// SPDX-License-Identifier: Apache-2.0
// Packets of the control socket.
#include "base/network_control.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace sandbox {

int receive_control(int socket, ControlMessage& message) {
    std::array<char, most_control_bytes> buffer;
    ssize_t got = 0;
    do {
        got = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? -1 : 0;
    }
    const std::string_view packet{buffer.data(), static_cast<std::size_t>(got)};
    const std::size_t tab = std::min(packet.find('\t'), packet.size());
    message.word = packet.substr(0, tab);
    message.text = tab < packet.size() ? packet.substr(tab + 1) : std::string_view{};
    return 1;
}

void send_control(int socket, std::string_view word, std::string_view text) noexcept {
    std::array<char, most_control_bytes> buffer;
    const std::size_t kept = std::min(text.size(), buffer.size() - word.size() - 1);
    auto end = std::copy(word.begin(), word.end(), buffer.begin());
    if (!text.empty()) {
        *end++ = '\t';
        end = std::copy_n(text.begin(), kept, end);
    }
    const auto size = static_cast<std::size_t>(end - buffer.begin());
    (void)::send(socket, buffer.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

} // namespace sandbox
