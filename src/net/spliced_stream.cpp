// SPDX-License-Identifier: Apache-2.0
// splice(2) from socket to pipe to socket. What bites here: it stops before urgent data and then says EAGAIN,
// or, where the sender is done, 0, as at the end of the stream. net/ipv4/tcp.c, tcp_splice_read().
#include "net/spliced_stream.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <array>
#include <cerrno>
#include <utility>

namespace sandbox::net {

namespace {

constexpr std::size_t splice_size = 1 << 20;
/// In one turn, so that the others get theirs.
constexpr std::uint64_t turn = 4 << 20;
/// What makes a stream worth a large pipe.
constexpr std::uint64_t busy_turn = 512 << 10;

} // namespace

SplicedStream::~SplicedStream() {
    if (pipe_) {
        release_pipe();
    }
}

void SplicedStream::on_source(std::uint32_t events) noexcept {
    readable_ = readable_ || (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    sender_is_done_ = sender_is_done_ || (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
    has_urgent_ = has_urgent_ || (events & EPOLLPRI) != 0;
}

void SplicedStream::on_target(std::uint32_t events) noexcept {
    writable_ = writable_ || (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
}

void SplicedStream::release_pipe() {
    SplicePipe pipe = std::move(*pipe_);
    pipe_.reset();
    if (held_ == 0) {
        pool_->give_back(std::move(pipe));
    } else {
        pool_->drop(std::move(pipe));
    }
}

/// By errno: is it only not possible now?
SplicedStream::Step SplicedStream::failure() const noexcept {
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM ? Step::blocked
                                                                                    : Step::broken;
}

/// In line, the byte can be read in its place, and reading it clears the mark, which recv(MSG_OOB) does not.
/// Set only when it is needed, it costs other connections nothing. tcp(7), "Out-of-band data".
void SplicedStream::take_urgent_in_line() noexcept {
    if (!takes_urgent_in_line_) {
        takes_urgent_in_line_ = true;
        const int on = 1;
        (void)::setsockopt(from_, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    }
}

/// The urgent byte, where it is what holds splice(2) up.
SplicedStream::Step SplicedStream::read_urgent() {
    int at_mark = 0;
    if (::ioctl(from_, SIOCATMARK, &at_mark) < 0 || at_mark == 0) {
        return Step::blocked;
    }
    take_urgent_in_line();
    std::byte urgent{};
    const ssize_t got = ::recv(from_, &urgent, 1, MSG_DONTWAIT);
    if (got <= 0) {
        return got == 0 ? Step::blocked : failure();
    }
    has_urgent_ = false;
    urgent_ = urgent;
    return Step::moved;
}

SplicedStream::Step SplicedStream::send_urgent() {
    if (::send(to_, &*urgent_, 1, MSG_OOB | MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        return unsent();
    }
    urgent_.reset();
    ++passed_;
    return Step::moved;
}

/// The source gave nothing: what does that mean?
SplicedStream::Step SplicedStream::unread(ssize_t got) {
    if (got < 0 && failure() == Step::broken) {
        return Step::broken;
    }
    if (has_urgent_ || (got == 0 && !sender_is_done_)) {
        const Step step = read_urgent();
        if (step != Step::blocked) {
            return step;
        }
    }
    readable_ = false;
    return got == 0 ? Step::ended : Step::blocked;
}

SplicedStream::Step SplicedStream::unsent() noexcept {
    const Step step = failure();
    writable_ = step != Step::blocked;
    return step;
}

/// From the source into the pipe, which is empty: so that EAGAIN speaks of the source.
SplicedStream::Step SplicedStream::fill() {
    const ssize_t got =
        ::splice(from_, nullptr, pipe_->write.get(), nullptr, splice_size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (got <= 0) {
        return unread(got);
    }
    held_ = static_cast<std::size_t>(got);
    return Step::moved;
}

/// From the pipe into the target.
SplicedStream::Step SplicedStream::drain() {
    const ssize_t put =
        ::splice(pipe_->read.get(), nullptr, to_, nullptr, held_, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (put <= 0) {
        return unsent();
    }
    held_ -= static_cast<std::size_t>(put);
    passed_ += static_cast<std::uint64_t>(put);
    return Step::moved;
}

/// All pipes are lent: the bytes stay in the source until the target has taken them.
SplicedStream::Step SplicedStream::copy_without_pipe() {
    take_urgent_in_line(); // or recv(2) at the mark would leave the byte out
    if (has_urgent_) {
        if (const Step step = read_urgent(); step != Step::blocked) {
            return step;
        }
    }
    std::array<std::byte, 16384> buffer;
    const ssize_t got = ::recv(from_, buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got <= 0) {
        return unread(got);
    }
    const ssize_t put =
        ::send(to_, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0) {
        return unsent();
    }
    // MSG_TRUNC throws away what was read a moment ago. tcp(7), "Sockets API".
    (void)::recv(from_, nullptr, static_cast<std::size_t>(put), MSG_TRUNC | MSG_DONTWAIT);
    passed_ += static_cast<std::uint64_t>(put);
    return Step::moved;
}

/// What comes first: bytes in the pipe, the urgent byte behind them, then new ones.
SplicedStream::Step SplicedStream::move_some() {
    if (!writable_) {
        return Step::blocked;
    }
    if (held_ != 0) {
        return drain();
    }
    if (urgent_) {
        return send_urgent();
    }
    if (!readable_) {
        return Step::blocked;
    }
    if (!pipe_) {
        pipe_ = pool_->borrow(is_busy_);
    }
    return pipe_ ? fill() : copy_without_pipe();
}

void SplicedStream::pass_end_on() noexcept {
    if (ended_ && !has_passed_end_on_) {
        has_passed_end_on_ = true;
        // Fails where the target is gone, which its own events tell.
        (void)::shutdown(to_, SHUT_WR);
    }
}

SplicedStream::State SplicedStream::advance() {
    if (ended_) {
        return State::ended;
    }
    const std::uint64_t before = passed_;
    Step step = Step::moved;
    while (step == Step::moved && passed_ - before < turn) {
        step = move_some();
    }
    is_busy_ = passed_ - before >= busy_turn;
    if (pipe_ && held_ == 0) {
        release_pipe();
    }
    switch (step) {
        case Step::broken:
            return State::broken;
        case Step::ended:
            ended_ = true;
            return State::ended;
        case Step::moved:
            return State::busy;
        case Step::blocked:
            break;
    }
    return State::waiting;
}

} // namespace sandbox::net
