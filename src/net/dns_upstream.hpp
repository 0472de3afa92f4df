// SPDX-License-Identifier: Apache-2.0
// The name servers behind the forwarder, and the way of one question among them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/ip_address.hpp"
#include "base/unique_fd.hpp"
#include "net/dns_message.hpp"
#include "net/reactor.hpp"

namespace sandbox::net {

/// Asks one server after the other, each question from a socket of its own: with a random port by the kernel
/// and a random id it takes 2^31 forged answers, on average, to hit (RFC 5452, 7). Begins with the server
/// that answered last, so that a dead one costs its time once and not with each question.
///
/// The next server is asked when one refuses, says SERVFAIL, NOTIMP or REFUSED, or is silent for a while; one
/// that was only silent may still answer. When all have been asked, the silent ones are asked again.
class DnsUpstream {
  public:
    /// Shorter than the five seconds after which libc asks again (resolv.conf(5), "timeout"): it shall get an
    /// error and not a silence.
    static constexpr std::chrono::milliseconds patience{4500};
    static constexpr std::chrono::milliseconds silence_of_one{2000};
    static constexpr std::size_t most_servers = 4;
    static constexpr std::size_t most_questions = 256;

    enum class Transport : std::uint8_t { udp, tcp };

    /// @param message the server's, unchanged; empty, and no answer, where none came in time
    using Done = std::function<void(DnsBytes message, const std::optional<DnsAnswer>& answer)>;

    explicit DnsUpstream(Reactor& reactor);
    ~DnsUpstream();
    DnsUpstream(const DnsUpstream&) = delete;
    DnsUpstream& operator=(const DnsUpstream&) = delete;

    /// From now on; the first most_servers of them. Questions under way stay with whom they went to.
    void set_servers(std::vector<Endpoint> servers);

    /// Calls `done` once, later, never from within.
    /// @param payload_size what an answer in a datagram may have
    /// @return for cancel(); nothing where most_questions are under way: `done` is not called then
    std::optional<std::uint64_t> ask(const DnsQuery& query, Transport transport, std::size_t payload_size,
                                     Done done);

    /// `done` is not called any more.
    void cancel(std::uint64_t question) noexcept;

    [[nodiscard]] std::size_t under_way() const noexcept { return questions_.size(); }

  private:
    /// One server asked.
    struct Attempt {
        Endpoint server;
        UniqueFd socket;
        std::uint16_t id = 0;
        DnsMessage query;
        std::vector<std::byte> received; ///< over TCP: so far, length included
        bool is_connected = false;       ///< over TCP
    };
    struct Question {
        DnsQuery query;
        Transport transport{};
        std::size_t payload_size = 0;
        Done done;
        std::vector<Endpoint> servers; ///< still to be asked
        std::chrono::milliseconds silence{};
        Clock::time_point deadline;
        std::optional<Reactor::Timer> timer;
        std::map<int, Attempt> attempts;  ///< under way, by descriptor
        DnsMessage last_resort;           ///< a server's SERVFAIL or the like
        std::optional<DnsAnswer> verdict; ///< what that says
    };
    using Questions = std::map<std::uint64_t, Question>; ///< the oldest first

    [[nodiscard]] std::vector<Endpoint> order() const;
    void ask_next(std::uint64_t number);
    bool begin(std::uint64_t number, const Endpoint& server);
    void ask_again(Question& question) noexcept;
    void wait(std::uint64_t number);
    void handle(std::uint64_t number, int socket, std::uint32_t events);
    void handle_datagrams(std::uint64_t number, Attempt& attempt, std::uint32_t events);
    void handle_stream(std::uint64_t number, Attempt& attempt, std::uint32_t events);
    void judge(std::uint64_t number, const Attempt& attempt, DnsBytes message);
    void fail(std::uint64_t number, int socket);
    /// @param message and `answer` must not be the question's own: it is gone when they are passed on
    void finish(std::uint64_t number, DnsBytes message, const std::optional<DnsAnswer>& answer);
    void end_attempts(Question& question) noexcept;

    Reactor& reactor_;
    std::vector<Endpoint> servers_;
    std::optional<Endpoint> last_answered_;
    Questions questions_;
    std::uint64_t next_number_ = 0;
    std::vector<std::byte> datagram_; ///< where one is received
};

} // namespace sandbox::net
