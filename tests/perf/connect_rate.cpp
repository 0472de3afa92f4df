// SPDX-License-Identifier: Apache-2.0
// Connections a second and the latency of one connection, measured through whatever network lies between.
//
//   perf-connect-rate server ADDRESS PORT                    echoes; prints "ready"; ends with its stdin
//   perf-connect-rate connect ADDRESS PORT CLIENTS SECONDS   prints connections a second
//   perf-connect-rate latency ADDRESS PORT SECONDS           prints the median round trip in microseconds
//
// A connection is: connect, one byte there, the same byte back, close. Clients close by a reset, so that no
// port stays in TIME_WAIT and the range of ports does not become what is measured.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/ip_address.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace {

using namespace sandbox;
using Clock = std::chrono::steady_clock;

UniqueFd make_socket(const Endpoint& endpoint, int flags = 0) {
    const int family = endpoint.address.is_ipv6() ? AF_INET6 : AF_INET;
    return UniqueFd{check(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "make", "a socket")};
}

void set_option(int fd, int level, int name, const void* value, socklen_t size) {
    check(::setsockopt(fd, level, name, value, size), "set an option of", "a socket");
}

/// Gives each connection back what it sends; one thread, so that the server is not what is measured.
class EchoServer {
  public:
    explicit EchoServer(const Endpoint& endpoint)
        : listener_(make_socket(endpoint, SOCK_NONBLOCK)),
          epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "make", "an epoll descriptor")) {
        const int yes = 1;
        set_option(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        const SocketAddress name{endpoint};
        check(::bind(listener_.get(), name.get(), name.size), "listen on", to_string(endpoint));
        check(::listen(listener_.get(), 4096), "listen on", to_string(endpoint));
        watch(listener_.get(), EPOLLIN);
        watch(STDIN_FILENO, EPOLLHUP);
    }

    void run() {
        std::array<epoll_event, 256> events{};
        while (true) {
            const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < count; ++i) {
                const int fd = events[static_cast<std::size_t>(i)].data.fd;
                if (fd == STDIN_FILENO) {
                    return;
                }
                fd == listener_.get() ? accept_all() : echo(fd);
            }
        }
    }

  private:
    void watch(int fd, std::uint32_t wanted) const {
        epoll_event event{};
        event.events = wanted;
        event.data.fd = fd;
        // A regular file as stdin never ends, and cannot be watched.
        (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    }

    void accept_all() const {
        int connection = -1;
        while ((connection = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
               0) {
            const int yes = 1;
            (void)::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            watch(connection, EPOLLIN);
        }
    }

    static void echo(int connection) {
        char buffer[4096];
        const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
        if (got <= 0 || ::send(connection, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) {
            ::close(connection);
        }
    }

    UniqueFd listener_, epoll_;
};

UniqueFd connect_to(const Endpoint& endpoint) {
    UniqueFd connection = make_socket(endpoint);
    const linger reset{1, 0};
    const timeval limit{5, 0};
    const int yes = 1;
    set_option(connection.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    set_option(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    set_option(connection.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const SocketAddress name{endpoint};
    check(::connect(connection.get(), name.get(), name.size), "connect to", to_string(endpoint));
    return connection;
}

void exchange(int connection) {
    char byte = 'x';
    check(::send(connection, &byte, 1, MSG_NOSIGNAL), "send to", "the server");
    if (check(::recv(connection, &byte, 1, 0), "receive from", "the server") != 1) {
        throw UsageError("the server", "closed the connection");
    }
}

double connections_per_second(const Endpoint& endpoint, unsigned clients,
                              std::chrono::duration<double> time) {
    std::atomic<unsigned long> done = 0, failed = 0;
    const auto start = Clock::now();
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < clients; ++i) {
        threads.emplace_back([&] {
            while (Clock::now() - start < time) {
                try {
                    exchange(connect_to(endpoint).get());
                    ++done;
                } catch (const Error&) {
                    ++failed;
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    if (failed != 0) {
        std::fprintf(stderr, "%lu connections failed, %lu did not\n", failed.load(), done.load());
    }
    if (done == 0 || failed > done / 100) {
        throw UsageError(to_string(endpoint), "too many connections fail");
    }
    return static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - start).count();
}

double median_round_trip(const Endpoint& endpoint, std::chrono::duration<double> time) {
    const UniqueFd connection = connect_to(endpoint);
    std::vector<double> microseconds;
    for (const auto start = Clock::now(); Clock::now() - start < time;) {
        const auto begin = Clock::now();
        exchange(connection.get());
        microseconds.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    }
    const auto middle = microseconds.begin() + static_cast<std::ptrdiff_t>(microseconds.size() / 2);
    std::nth_element(microseconds.begin(), middle, microseconds.end());
    return *middle;
}

double number(const std::string& text, std::uint64_t most) {
    const auto value = parse_number(text, most);
    if (!value || *value == 0) {
        throw UsageError(text, "not a number from 1 to " + std::to_string(most));
    }
    return static_cast<double>(*value);
}

void run(const std::vector<std::string>& words) {
    const std::string mode = words.empty() ? "" : words[0];
    const std::size_t wanted = mode == "server" ? 3 : mode == "connect" ? 5 : mode == "latency" ? 4 : 0;
    const auto address = words.size() > 1 ? parse_ip_address(words[1]) : std::nullopt;
    if (words.size() != wanted || !address) {
        throw UsageError("usage",
                         "server ADDRESS PORT | connect ADDRESS PORT CLIENTS SECONDS | "
                         "latency ADDRESS PORT SECONDS");
    }
    const Endpoint endpoint{*address, static_cast<std::uint16_t>(number(words[2], 65535))};
    if (mode == "server") {
        EchoServer server{endpoint};
        std::puts("ready");
        std::fflush(stdout);
        server.run();
        return;
    }
    const std::chrono::duration<double> time{number(words.back(), 60)};
    const double result =
        mode == "connect"
            ? connections_per_second(endpoint, static_cast<unsigned>(number(words[3], 1000)), time)
            : median_round_trip(endpoint, time);
    std::printf("%.1f\n", result);
}

} // namespace

int main(int argc, char** argv) {
    try {
        run({argv + 1, argv + argc});
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "perf-connect-rate: %s\n", error.what());
        return 1;
    }
}
