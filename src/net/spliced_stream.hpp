// SPDX-License-Identifier: Apache-2.0
// One direction of a pair of TCP sockets: bytes, urgent data and the end of the stream go from one to the
// other.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "net/pipe_pool.hpp"

namespace sandbox::net {

/// A stream from one socket to another through a pipe that is borrowed while something is in it. The reader's
/// pace is the writer's: what the receiver does not take waits in the sender's kernel, but for one pipe's
/// worth. Both sockets stay the caller's, and are non-blocking.
class SplicedStream {
  public:
    enum class State : std::uint8_t {
        waiting, ///< until one of the sockets has news
        busy,    ///< there is more to do at once; it has had its turn
        ended,   ///< all that came has been passed on, but for the end
        broken,  ///< one of the sockets was reset, or timed out
    };

    SplicedStream(int from, int to, PipePool& pool) noexcept : from_(from), to_(to), pool_(&pool) {}
    ~SplicedStream();
    SplicedStream(const SplicedStream&) = delete;
    SplicedStream& operator=(const SplicedStream&) = delete;

    /// News of the socket it reads from, as epoll_wait(2) reported it edge-triggered.
    void on_source(std::uint32_t events) noexcept;
    /// And of the one it writes to.
    void on_target(std::uint32_t events) noexcept;

    /// Moves what can be moved without waiting.
    State advance();

    /// The end of the stream too, where it has come. Needless where both sockets are closed at once.
    void pass_end_on() noexcept;

    /// Whether all that there ever will be is the kernel's to deliver, the end too.
    [[nodiscard]] bool has_passed_end_on() const noexcept { return has_passed_end_on_; }

    /// Bytes that have reached the target's socket.
    [[nodiscard]] std::uint64_t passed() const noexcept { return passed_; }

  private:
    enum class Step : std::uint8_t { moved, blocked, ended, broken };

    void release_pipe();
    Step move_some();
    Step fill();
    Step drain();
    Step copy_without_pipe();
    void take_urgent_in_line() noexcept;
    Step read_urgent();
    Step send_urgent();
    Step unread(ssize_t got);
    Step unsent() noexcept;
    [[nodiscard]] Step failure() const noexcept;

    int from_;
    int to_;
    PipePool* pool_;
    std::optional<SplicePipe> pipe_;
    std::size_t held_ = 0; ///< bytes in the pipe
    std::uint64_t passed_ = 0;
    std::optional<std::byte> urgent_; ///< read, not yet sent
    bool readable_ = false;
    bool writable_ = true;
    bool sender_is_done_ = false; ///< its end has been announced, so a 0 from splice(2) means it
    bool has_urgent_ = false;     ///< announced, not yet met
    bool takes_urgent_in_line_ = false;
    bool is_busy_ = false; ///< moved much in its last turn: a large pipe pays
    bool ended_ = false;
    bool has_passed_end_on_ = false;
};

} // namespace sandbox::net
