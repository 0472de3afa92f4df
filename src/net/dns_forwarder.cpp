// SPDX-License-Identifier: Apache-2.0
// Between the clients inside, by datagram or connection, and the servers outside.
#include "net/dns_forwarder.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "net/dns_message.hpp"
#include "net/dns_stream.hpp"
#include "net/dns_upstream.hpp"

namespace sandbox::net {

namespace {

/// Of one connection, under way; the rest waits in its socket.
constexpr std::size_t most_questions_of_client = 64;
/// So are further ones, while the client does not take its answers.
constexpr std::size_t most_unsent = std::size_t{256} * 1024;
constexpr std::size_t largest_message = 65535;

/// What tells one question by datagram from another: a client sends it again with the same id.
struct Asker {
    Endpoint client;
    Endpoint server;
    std::uint16_t id = 0;
    friend bool operator<(const Asker& a, const Asker& b) noexcept {
        return std::tie(a.client, a.server, a.id) < std::tie(b.client, b.server, b.id);
    }
};

MacAddress sender_of(const Packet& packet) noexcept {
    MacAddress sender{};
    std::ranges::transform(packet.frame.subspan(sender.size(), sender.size()), sender.begin(),
                           [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
    return sender;
}

} // namespace

struct DnsForwarder::Implementation {
    struct Client {
        explicit Client(UniqueFd socket) : stream(std::move(socket)) {}
        DnsStream stream;
        std::set<std::uint64_t> questions; ///< under way
        Clock::time_point last_used = Clock::now();
        std::optional<Reactor::Timer> timer;
    };

    Implementation(Reactor& reactor_to_use, Emit emit_to_use, Policy& policy_to_ask, FlowLog& log_to_fill,
                   std::size_t mtu_of_tap)
        : reactor(reactor_to_use),
          emit(std::move(emit_to_use)),
          policy(policy_to_ask),
          log(log_to_fill),
          mtu(mtu_of_tap),
          upstream(reactor_to_use) {}
    ~Implementation();
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

    std::optional<DnsMessage> answer_here(const DnsQuery& query);
    DnsMessage answer_from(const DnsQuery& query, DnsBytes message, const std::optional<DnsAnswer>& answer,
                           std::size_t limit);
    void input(const Packet& datagram);

    void serve(UniqueFd socket);
    void make_room();
    void handle_client(std::uint64_t number, std::uint32_t events);
    void take_questions(std::uint64_t number, Client& client);
    void ask_for(std::uint64_t number, Client& client, const DnsQuery& query);
    void settle(std::uint64_t number);
    void watch_idleness(std::uint64_t number);
    void close(std::uint64_t number) noexcept;

    Reactor& reactor;
    Emit emit;
    Policy& policy;
    FlowLog& log;
    std::size_t mtu;
    DnsUpstream upstream;
    std::set<Asker> askers;
    std::map<std::uint64_t, Client> clients;
    std::uint64_t next_client = 0;
};

DnsForwarder::Implementation::~Implementation() {
    while (!clients.empty()) {
        close(clients.begin()->first);
    }
}

// ---- questions -------------------------------------------------------------------------------------------

std::optional<DnsMessage> DnsForwarder::Implementation::answer_here(const DnsQuery& query) {
    if (query.verdict != DnsRcode::no_error) {
        return make_reply(query, query.verdict);
    }
    if (!policy.allows_name(query.name)) {
        log.add_denied_name(query.name.empty() ? query.text : query.name);
        return make_reply(query, DnsRcode::no_such_name, "not in the sandbox's --allow list");
    }
    return std::nullopt;
}

DnsMessage DnsForwarder::Implementation::answer_from(const DnsQuery& query, DnsBytes message,
                                                     const std::optional<DnsAnswer>& answer,
                                                     std::size_t limit) {
    if (!answer) {
        return make_reply(query, DnsRcode::server_failure);
    }
    for (const DnsAnswer::Address& address : answer->addresses) {
        policy.learn(query.name, address.address, address.lifetime, Clock::now());
    }
    return make_passed_on(query, message, limit);
}

void DnsForwarder::Implementation::input(const Packet& datagram) {
    const auto query = parse_query(datagram.payload);
    if (!query) {
        return;
    }
    const Asker asker{datagram.source, datagram.destination, query->id};
    const MacAddress guest = sender_of(datagram);
    const auto reply = [this, asker, guest](DnsBytes message) {
        emit(make_datagram(asker.server, asker.client, message, guest));
    };
    if (const auto own = answer_here(*query)) {
        reply(*own);
        return;
    }
    const std::size_t headers = datagram.source.address.is_ipv6() ? 40 + 8 : 20 + 8;
    const std::size_t limit = std::min(query->datagram_limit(), mtu - headers);
    if (!askers.insert(asker).second) {
        return;
    }
    const auto done = [this, asker, query = *query, limit, reply](DnsBytes message,
                                                                  const std::optional<DnsAnswer>& answer) {
        askers.erase(asker);
        reply(answer_from(query, message, answer, limit));
    };
    if (!upstream.ask(*query, DnsUpstream::Transport::udp, limit, done)) {
        askers.erase(asker);
        reply(make_reply(*query, DnsRcode::server_failure));
    }
}

// ---- connections -----------------------------------------------------------------------------------------

void DnsForwarder::Implementation::serve(UniqueFd socket) {
    make_room();
    const std::uint64_t number = next_client++;
    const int fd = socket.get();
    clients.try_emplace(number, std::move(socket));
    reactor.add(fd, EPOLLIN, [this, number](std::uint32_t events) { handle_client(number, events); });
    watch_idleness(number);
}

void DnsForwarder::Implementation::make_room() {
    if (clients.size() < most_clients) {
        return;
    }
    const auto quietest =
        std::ranges::min_element(clients, {}, [](const auto& entry) { return entry.second.last_used; });
    close(quietest->first);
}

void DnsForwarder::Implementation::handle_client(std::uint64_t number, std::uint32_t events) {
    Client& client = clients.at(number);
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) { // both directions have ended
        close(number);
        return;
    }
    bool has_moved = false;
    if ((events & EPOLLOUT) != 0) {
        has_moved = client.stream.flush();
    }
    if ((events & EPOLLIN) != 0) {
        (void)client.stream.receive(); // bytes alone do not keep a connection open, questions do
    }
    if (has_moved) {
        client.last_used = Clock::now();
    }
    settle(number);
}

/// Questions answered here are answered here and now, all others later.
void DnsForwarder::Implementation::take_questions(std::uint64_t number, Client& client) {
    while (client.questions.size() < most_questions_of_client && client.stream.unsent() < most_unsent) {
        const auto message = client.stream.take();
        if (!message) {
            return;
        }
        client.last_used = Clock::now();
        const auto query = parse_query(*message);
        if (!query) {
            continue;
        }
        if (const auto own = answer_here(*query)) {
            client.stream.send(*own);
        } else {
            ask_for(number, client, *query);
        }
    }
}

void DnsForwarder::Implementation::ask_for(std::uint64_t number, Client& client, const DnsQuery& query) {
    // The number of the question is known only once it is asked, and the answer comes later.
    const auto question = std::make_shared<std::uint64_t>();
    const auto done = [this, number, query, question](DnsBytes message,
                                                      const std::optional<DnsAnswer>& answer) {
        Client& asker = clients.at(number); // it cancels its questions when it goes
        asker.questions.erase(*question);
        asker.last_used = Clock::now();
        asker.stream.send(answer_from(query, message, answer, largest_message));
        settle(number);
    };
    if (const auto asked = upstream.ask(query, DnsUpstream::Transport::tcp, largest_message, done)) {
        *question = *asked;
        client.questions.insert(*asked);
    } else {
        client.stream.send(make_reply(query, DnsRcode::server_failure));
    }
}

/// After anything that happened to a client: takes further questions, waits for what can come next, or ends
/// the connection.
void DnsForwarder::Implementation::settle(std::uint64_t number) {
    Client& client = clients.at(number);
    take_questions(number, client);
    const bool is_done = client.stream.has_ended() && client.questions.empty() && client.stream.unsent() == 0;
    if (is_done || client.stream.is_broken()) {
        close(number);
        return;
    }
    std::uint32_t events = client.stream.unsent() > 0 ? EPOLLOUT : 0U;
    if (!client.stream.has_ended() && client.questions.size() < most_questions_of_client &&
        client.stream.unsent() < most_unsent) {
        events |= EPOLLIN;
    }
    reactor.modify(client.stream.fd(), events);
}

void DnsForwarder::Implementation::watch_idleness(std::uint64_t number) {
    Client& client = clients.at(number);
    const auto end = client.last_used + idle_time;
    if (end <= Clock::now()) {
        close(number);
        return;
    }
    client.timer = reactor.at(end, [this, number] { watch_idleness(number); });
}

void DnsForwarder::Implementation::close(std::uint64_t number) noexcept {
    const auto found = clients.find(number);
    Client& client = found->second;
    for (const std::uint64_t question : client.questions) {
        upstream.cancel(question);
    }
    if (client.timer) {
        reactor.cancel(*client.timer);
    }
    reactor.remove(client.stream.fd());
    clients.erase(found);
}

// ---- the class -------------------------------------------------------------------------------------------

DnsForwarder::DnsForwarder(Reactor& reactor, const Tap& tap, Policy& policy, FlowLog& log, std::size_t mtu)
    : DnsForwarder(
          reactor, [&tap](Bytes frame) { tap.write(frame); }, policy, log, mtu) {}

DnsForwarder::DnsForwarder(Reactor& reactor, Emit emit, Policy& policy, FlowLog& log, std::size_t mtu)
    : implementation_(std::make_unique<Implementation>(reactor, std::move(emit), policy, log, mtu)) {}

DnsForwarder::~DnsForwarder() = default;

void DnsForwarder::set_servers(std::vector<Endpoint> servers) {
    implementation_->upstream.set_servers(std::move(servers));
}

void DnsForwarder::input(const Packet& datagram) {
    implementation_->input(datagram);
}

void DnsForwarder::serve(UniqueFd stream) {
    implementation_->serve(std::move(stream));
}

} // namespace sandbox::net
