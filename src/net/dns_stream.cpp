// SPDX-License-Identifier: Apache-2.0
// Two buffers, for what has come and for what has not gone yet.
#include "net/dns_stream.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/error.hpp"

namespace sandbox::net {

namespace {

constexpr std::size_t length_field = 2;
constexpr std::size_t read_size = 16 * 1024; ///< a time; with the largest message it bounds the buffer

} // namespace

DnsStream::DnsStream(UniqueFd socket) : socket_(std::move(socket)) {
    const int flags = check(::fcntl(socket_.get(), F_GETFL), "read the flags of", "a DNS connection");
    check(::fcntl(socket_.get(), F_SETFL, flags | O_NONBLOCK), "make non-blocking", "a DNS connection");
}

bool DnsStream::receive() {
    const std::size_t before = received_.size();
    received_.resize(before + read_size);
    const ssize_t got = ::recv(socket_.get(), received_.data() + before, read_size, 0);
    received_.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got < 0 && errno != EAGAIN && errno != EINTR) {
        is_broken_ = true;
    }
    has_ended_ = has_ended_ || got == 0;
    return got >= 0;
}

std::optional<DnsMessage> DnsStream::take() {
    if (received_.size() < length_field) {
        return std::nullopt;
    }
    const std::size_t size =
        std::to_integer<std::size_t>(received_[0]) << 8 | std::to_integer<std::size_t>(received_[1]);
    if (received_.size() < length_field + size) {
        return std::nullopt;
    }
    const auto begin = received_.begin() + length_field;
    const auto end = begin + static_cast<std::ptrdiff_t>(size);
    DnsMessage message{begin, end};
    received_.erase(received_.begin(), end);
    return message;
}

void DnsStream::send(DnsBytes message) {
    unsent_.push_back(static_cast<std::byte>(message.size() >> 8 & 0xff));
    unsent_.push_back(static_cast<std::byte>(message.size() & 0xff));
    unsent_.insert(unsent_.end(), message.begin(), message.end());
    (void)flush(); // what does not go now goes when the socket is ready
}

bool DnsStream::flush() noexcept {
    if (unsent_.empty() || is_broken_) {
        return false;
    }
    const ssize_t put = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (put < 0) {
        is_broken_ = errno != EAGAIN && errno != EINTR;
        return false;
    }
    unsent_.erase(unsent_.begin(), unsent_.begin() + put);
    return true;
}

} // namespace sandbox::net
