// SPDX-License-Identifier: Apache-2.0
// Sockets to the name servers, each for one question.
#include "net/dns_upstream.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.hpp"

namespace sandbox::net {

namespace {

constexpr std::size_t largest_message = 65535;
constexpr std::size_t length_field = 2; ///< before each message in a stream: RFC 1035, 4.2.2

std::uint16_t random_id() {
    std::uint16_t id = 0;
    check(::getrandom(&id, sizeof id, 0), "read", "random bytes");
    return id;
}

/// @return an invalid descriptor where the server cannot be reached at all
UniqueFd connect_to(const Endpoint& server, int type) noexcept {
    const bool is_ipv6 = server.address.is_ipv6();
    UniqueFd fd{::socket(is_ipv6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd.valid()) {
        return fd;
    }
    if (type == SOCK_DGRAM) {
        // Without it only "port unreachable" is reported to a connected socket. ip(7), "IP_RECVERR".
        const int on = 1;
        (void)::setsockopt(fd.get(), is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_RECVERR : IP_RECVERR,
                           &on, sizeof on);
    }
    const SocketAddress address{server};
    if (::connect(fd.get(), address.get(), address.size) < 0 && errno != EINPROGRESS) {
        fd.reset();
    }
    return fd;
}

/// Whether the whole message was taken. A fresh TCP socket's buffer holds far more than a query.
bool send_whole(int fd, DnsBytes bytes) noexcept {
    return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

DnsMessage with_length(const DnsMessage& message) {
    DnsMessage framed{static_cast<std::byte>(message.size() >> 8),
                      static_cast<std::byte>(message.size() & 0xff)};
    framed.insert(framed.end(), message.begin(), message.end());
    return framed;
}

/// Another server may know better.
bool is_last_resort(DnsRcode rcode) noexcept {
    return rcode == DnsRcode::server_failure || rcode == DnsRcode::not_implemented ||
           rcode == DnsRcode::refused;
}

} // namespace

DnsUpstream::DnsUpstream(Reactor& reactor) : reactor_(reactor), datagram_(largest_message) {}

DnsUpstream::~DnsUpstream() {
    for (auto& [number, question] : questions_) {
        end_attempts(question);
    }
}

void DnsUpstream::set_servers(std::vector<Endpoint> servers) {
    servers_ = std::move(servers);
    servers_.resize(std::min(servers_.size(), most_servers));
    last_answered_.reset();
}

std::vector<Endpoint> DnsUpstream::order() const {
    std::vector<Endpoint> order = servers_;
    if (last_answered_) {
        const auto first = std::ranges::find(order, *last_answered_);
        std::rotate(order.begin(), first, order.end());
    }
    return order;
}

std::optional<std::uint64_t> DnsUpstream::ask(const DnsQuery& query, Transport transport,
                                              std::size_t payload_size, Done done) {
    if (questions_.size() >= most_questions) {
        return std::nullopt;
    }
    const std::uint64_t number = next_number_++;
    Question& question = questions_[number];
    question.query = query;
    question.transport = transport;
    question.payload_size = payload_size;
    question.done = std::move(done);
    question.servers = order();
    const auto share = patience / static_cast<int>(std::max<std::size_t>(question.servers.size(), 1));
    question.silence = std::min(silence_of_one, share);
    question.deadline = Clock::now() + patience;
    // Later, never from within: whoever asks may not be ready for the answer.
    question.timer = reactor_.at(Clock::now(), [this, number] { ask_next(number); });
    return number;
}

void DnsUpstream::cancel(std::uint64_t question) noexcept {
    const auto found = questions_.find(question);
    if (found != questions_.end()) {
        end_attempts(found->second);
        questions_.erase(found);
    }
}

void DnsUpstream::end_attempts(Question& question) noexcept {
    if (question.timer) {
        reactor_.cancel(*question.timer);
        question.timer.reset();
    }
    for (const auto& [fd, attempt] : question.attempts) {
        reactor_.remove(fd);
    }
    question.attempts.clear();
}

void DnsUpstream::ask_next(std::uint64_t number) {
    Question& question = questions_.at(number);
    if (question.timer) {
        reactor_.cancel(*question.timer);
        question.timer.reset();
    }
    const bool is_over = Clock::now() >= question.deadline;
    bool has_begun = false;
    while (!is_over && !has_begun && !question.servers.empty()) {
        const Endpoint server = question.servers.front();
        question.servers.erase(question.servers.begin());
        has_begun = begin(number, server);
    }
    if (is_over || question.attempts.empty()) {
        const DnsMessage last_resort = std::move(question.last_resort);
        const std::optional<DnsAnswer> verdict = std::move(question.verdict);
        finish(number, last_resort, verdict);
        return;
    }
    if (!has_begun) {
        ask_again(question);
    }
    wait(number);
}

void DnsUpstream::wait(std::uint64_t number) {
    Question& question = questions_.at(number);
    const auto until = std::min(Clock::now() + question.silence, question.deadline);
    question.timer = reactor_.at(until, [this, number] { ask_next(number); });
}

bool DnsUpstream::begin(std::uint64_t number, const Endpoint& server) {
    Question& question = questions_.at(number);
    const bool is_udp = question.transport == Transport::udp;
    Attempt attempt;
    attempt.server = server;
    attempt.socket = connect_to(server, is_udp ? SOCK_DGRAM : SOCK_STREAM);
    if (!attempt.socket.valid()) {
        return false;
    }
    attempt.id = random_id();
    attempt.query = make_query(question.query, attempt.id, question.payload_size);
    const int fd = attempt.socket.get();
    if (is_udp && !send_whole(fd, attempt.query)) {
        return false;
    }
    reactor_.add(fd, is_udp ? EPOLLIN : EPOLLOUT,
                 [this, number, fd](std::uint32_t events) { handle(number, fd, events); });
    question.attempts.emplace(fd, std::move(attempt));
    return true;
}

void DnsUpstream::ask_again(Question& question) noexcept {
    if (question.transport == Transport::udp) {
        for (const auto& [fd, attempt] : question.attempts) {
            (void)send_whole(fd, attempt.query); // an error comes with the next event
        }
    }
}

void DnsUpstream::handle(std::uint64_t number, int socket, std::uint32_t events) {
    Question& question = questions_.at(number);
    Attempt& attempt = question.attempts.at(socket);
    if (question.transport == Transport::udp) {
        handle_datagrams(number, attempt, events);
    } else {
        handle_stream(number, attempt, events);
    }
}

void DnsUpstream::handle_datagrams(std::uint64_t number, Attempt& attempt, std::uint32_t events) {
    const ssize_t got = ::recv(attempt.socket.get(), datagram_.data(), datagram_.size(), 0);
    if (got >= 0) {
        judge(number, attempt, DnsBytes{datagram_}.first(static_cast<std::size_t>(got)));
    } else if ((errno != EAGAIN && errno != EINTR) || (events & EPOLLERR) != 0) {
        fail(number, attempt.socket.get());
    }
}

void DnsUpstream::handle_stream(std::uint64_t number, Attempt& attempt, std::uint32_t events) {
    const int fd = attempt.socket.get();
    if (!attempt.is_connected) {
        if ((events & (EPOLLERR | EPOLLHUP)) != 0 || !send_whole(fd, with_length(attempt.query))) {
            fail(number, fd);
            return;
        }
        attempt.is_connected = true;
        reactor_.modify(fd, EPOLLIN);
        return;
    }
    // Not a byte beyond the answer: first its length, then as much.
    auto& received = attempt.received;
    const std::size_t before = received.size();
    const std::size_t wanted = before < length_field
                                   ? length_field
                                   : length_field + (std::to_integer<std::size_t>(received[0]) << 8 |
                                                     std::to_integer<std::size_t>(received[1]));
    received.resize(wanted);
    const ssize_t got = wanted == before ? 0 : ::recv(fd, received.data() + before, wanted - before, 0);
    if (got <= 0) {
        received.resize(before);
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            fail(number, fd);
        }
        return;
    }
    received.resize(before + static_cast<std::size_t>(got));
    if (wanted > length_field && received.size() == wanted) {
        judge(number, attempt, DnsBytes{received}.subspan(length_field));
    }
}

void DnsUpstream::judge(std::uint64_t number, const Attempt& attempt, DnsBytes message) {
    Question& question = questions_.at(number);
    auto answer = parse_answer(message, attempt.id, question.query.question);
    if (!answer) {
        if (question.transport == Transport::tcp) {
            fail(number, attempt.socket.get());
        }
        return; // a datagram that is not the answer is a guess, or late: the answer may still come
    }
    if (is_last_resort(answer->rcode)) {
        question.last_resort.assign(message.begin(), message.end());
        question.verdict = std::move(answer);
        fail(number, attempt.socket.get());
        return;
    }
    if (question.last_resort.empty()) { // else the one before is not dead, only unwilling
        last_answered_ = attempt.server;
    }
    const DnsMessage copy{message.begin(), message.end()}; // the attempt, and what it received, end before
    finish(number, copy, answer);
}

void DnsUpstream::fail(std::uint64_t number, int socket) {
    Question& question = questions_.at(number);
    const auto failed = question.attempts.find(socket);
    reactor_.remove(socket);
    question.attempts.erase(failed);
    if (!question.servers.empty() || question.attempts.empty()) {
        ask_next(number);
    }
}

void DnsUpstream::finish(std::uint64_t number, DnsBytes message, const std::optional<DnsAnswer>& answer) {
    const auto found = questions_.find(number);
    end_attempts(found->second);
    const Done done = std::move(found->second.done);
    questions_.erase(found);
    done(message, answer);
}

} // namespace sandbox::net
