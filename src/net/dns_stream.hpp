// SPDX-License-Identifier: Apache-2.0
// DNS messages in a stream, each with its length before it. RFC 1035, 4.2.2; RFC 7766, 8.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/unique_fd.hpp"
#include "net/dns_message.hpp"

namespace sandbox::net {

/// The server's end of one connection. Never waits, never throws for what the other end does.
class DnsStream {
  public:
    /// @param socket connected; becomes non-blocking
    explicit DnsStream(UniqueFd socket);

    [[nodiscard]] int fd() const noexcept { return socket_.get(); }

    /// Reads some of what is there. @return whether anything came, an end included
    bool receive();
    /// The next whole message that was received.
    std::optional<DnsMessage> take();
    /// Sends a message, or as much of it as goes; the rest with flush(). At most 65,535 bytes.
    void send(DnsBytes message);
    /// @return whether any byte went
    bool flush() noexcept;

    [[nodiscard]] std::size_t unsent() const noexcept { return unsent_.size(); }
    /// No more comes; answers may still go.
    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    /// Nothing comes or goes any more.
    [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }

  private:
    UniqueFd socket_;
    std::vector<std::byte> received_;
    std::vector<std::byte> unsent_;
    bool has_ended_ = false;
    bool is_broken_ = false;
};

} // namespace sandbox::net
