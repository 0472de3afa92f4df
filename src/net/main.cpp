// SPDX-License-Identifier: Apache-2.0
// sandbox-net: user-mode networking for one sandbox, between the tap in its namespace and the host's sockets.
//
// Its arguments are settings.hpp's; with its parent it speaks as base/network_control.hpp says. Exit status:
// 0 when the tap or the parent went away or the parent asked for the end, 1 after an error.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/network_control.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "net/addresses.hpp"
#include "net/capture.hpp"
#include "net/configurator.hpp"
#include "net/confine.hpp"
#include "net/dns_forwarder.hpp"
#include "net/echo.hpp"
#include "net/engine_slirp.hpp"
#include "net/engine_splice.hpp"
#include "net/flow_log.hpp"
#include "net/flow_table.hpp"
#include "net/keepalive_lookup.hpp"
#include "net/loop.hpp"
#include "net/policy.hpp"
#include "net/reactor.hpp"
#include "net/resolv_conf.hpp"
#include "net/router.hpp"
#include "net/settings.hpp"
#include "net/socket_agent.hpp"
#include "net/splice_table.hpp"
#include "net/tap.hpp"
#include "net/tcp_publisher.hpp"
#include "net/udp_publisher.hpp"

namespace {

using namespace sandbox;
using namespace sandbox::net;

/// What shall show as an error of the call, not end the process: a connection that is gone, since libslirp
/// sends without MSG_NOSIGNAL (slirp_send() in its slirp.c), and a log that outgrows the caller's file-size
/// limit.
void ignore_signals() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    for (const int number : {SIGPIPE, SIGXFSZ}) {
        check(::sigaction(number, &ignore, nullptr), "ignore a signal");
    }
}

void note_forbidden_ping(int control) {
    send_control(control, control_note,
                 "ping: this host lets plain users make no ICMP sockets\t"
                 "sudo sysctl net.ipv4.ping_group_range=\"0 2147483647\"");
}

/// With a connection that stands still, after the command's end.
constexpr std::chrono::seconds patience{1};

void accept_dns(Reactor& reactor, DnsForwarder& dns, int listener) {
    constexpr std::chrono::milliseconds pause{100};
    while (true) {
        UniqueFd connection{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        if (!connection.valid()) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                // Leave it alone for a moment, so that it does not wake us for nothing.
                reactor.modify(listener, 0);
                (void)reactor.at(Clock::now() + pause,
                                 [&reactor, listener] { reactor.modify(listener, EPOLLIN); });
            }
            return;
        }
        dns.serve(std::move(connection));
    }
}

/// Sockets inside, for spliced TCP and published ports. Throws UsageError where splicing was demanded and
/// cannot be.
ConfiguratorResult look_inside(const Settings& settings) {
    ConfiguratorRequest request;
    // What is spliced does not pass the tap, and so no capture.
    request.splice = settings.engine != TcpEngineChoice::slirp && settings.pcap_fd < 0;
    request.ipv6 = settings.ipv6;
    request.agent = std::ranges::any_of(
        settings.published, [](const PublishedSocket& socket) { return socket.transport == Transport::tcp; });
    if (!request.splice && !request.agent) {
        return {};
    }
    ConfiguratorResult inside = configure_namespace(settings.tap_fd, request);
    if (settings.engine == TcpEngineChoice::splice && !inside.ipv4.valid()) {
        throw UsageError("--net-engine splice", inside.failure,
                         "auto, the default, takes libslirp in its place");
    }
    if (!inside.failure.empty()) {
        send_control(settings.control_fd, control_debug, "spliced TCP: " + inside.failure);
    }
    return inside;
}

/// Spliced connections cost two descriptors and little memory. libslirp's cost so much of the latter that
/// they must stay few, where TCP of one IP version is left to it.
rlim_t descriptors_for(const ConfiguratorResult& inside, bool ipv6) {
    constexpr rlim_t all_spliced = 65'536;
    rlimit limit{};
    check(::getrlimit(RLIMIT_NOFILE, &limit), "read the limit of descriptors");
    const bool is_all_spliced = inside.ipv4.valid() && (!ipv6 || inside.ipv6.valid());
    return std::min(limit.rlim_max, is_all_spliced ? all_spliced : Confinement{}.descriptors);
}

/// Everything between the tap and the sockets. All of it is made before the walls: libslirp reads
/// /dev/urandom for its seed, and no epoll descriptor can be made behind them. Nothing opens a socket before
/// its first frame.
class Network {
  public:
    explicit Network(const Settings& settings)
        : settings_(settings),
          policy_(settings.allow, settings.host_loopback),
          log_(UniqueFd{settings.net_log_fd}),
          tap_(UniqueFd{settings.tap_fd}),
          inside_(look_inside(settings)),
          descriptors_(descriptors_for(inside_, settings.ipv6)),
          flows_(reactor_, policy_, log_),
          router_(tap_, policy_, flows_, settings.ipv6),
          slirp_({settings.mtu, settings.ipv6, settings.host_loopback, dns_socket_path}, to_inside()),
          dns_(reactor_, tap_, policy_, log_, settings.mtu),
          echo_(reactor_, to_inside(), [fd = settings.control_fd] { note_forbidden_ping(fd); }),
          udp_(reactor_, flows_, tap_, settings.ipv6),
          keepalive_(std::move(inside_.diagnosis)),
          spliced_(reactor_, log_, keepalive_, static_cast<std::size_t>(descriptors_)),
          agent_(reactor_, std::move(inside_.agent)),
          tcp_(reactor_, log_, spliced_, agent_,
               {inside_.ipv4.valid(), inside_.ipv6.valid(), settings.ipv6}) {
        if (inside_.ipv4.valid()) {
            splice_.emplace(reactor_, tap_, log_, policy_, spliced_, inside_,
                            [this](UniqueFd stream) { dns_.serve(std::move(stream)); });
        }
        if (settings.pcap_fd >= 0) {
            tap_.show(capture_.emplace(UniqueFd{settings.pcap_fd}));
        }
        for (const PublishedSocket& socket : settings.published) {
            if (socket.transport == Transport::udp) {
                udp_.publish(UniqueFd{socket.fd}, socket.port);
            } else {
                tcp_.add({UniqueFd{socket.fd}, socket.port});
            }
        }
        set_nameservers(read_file_if_exists(AT_FDCWD, "/etc/resolv.conf").value_or(""));
        router_.connect({
            .slirp = [this](Bytes frame) { slirp_.input(frame); },
            .dns = [this](const Packet& question) { dns_.input(question); },
            .echo = [this](const Packet& request) { echo_.input(request); },
            .published = [this](const Packet& datagram) { return udp_.input(datagram); },
            .tcp = splice_ ? &*splice_ : nullptr,
        });
    }

    /// From here on no file of the host can be named, and no privilege is left.
    void enter_walls(pid_t parent) {
        std::vector<int> fds = settings_.fds();
        fds.push_back(reactor_.fd());
        fds.insert(fds.end(), inside_fds_.begin(), inside_fds_.end());
        dns_listener_ = confine({fds, parent, descriptors_});
        if (dns_listener_.valid()) {
            reactor_.add(dns_listener_.get(), EPOLLIN,
                         [this](std::uint32_t) { accept_dns(reactor_, dns_, dns_listener_.get()); });
        } else {
            router_.close_dns_stream_port();
        }
    }

    void run() {
        run_loop({tap_, router_, slirp_, reactor_, capture_ ? &*capture_ : nullptr, settings_.control_fd,
                  [this] { return obey(); }, [this] { return is_over(); }});
        flows_.close_all();
        if (!log_.failure().empty()) {
            send_control(settings_.control_fd, control_note, "--net-log: it is cut short: " + log_.failure());
        }
        if (capture_ && !capture_->failure().empty()) {
            send_control(settings_.control_fd, control_note,
                         "--pcap: it is cut short: " + capture_->failure());
        }
        if (const std::size_t cut = spliced_.unfinished(); cut > 0) {
            send_control(settings_.control_fd, control_note,
                         std::to_string(cut) + (cut == 1 ? " connection was" : " connections were") +
                             " cut with data under way: the other side did not take it in time");
        }
        if (!settings_.host_loopback && log_.has_denied(IpAddress{ipv4_gateway})) {
            send_control(settings_.control_fd, control_note,
                         "10.0.2.2: the host's own 127.0.0.1 is reached there with --host-loopback alone");
        }
        if (const std::string summary = log_.summary(); !summary.empty()) {
            send_control(settings_.control_fd, control_summary, summary);
        }
    }

  private:
    /// @return false at the end
    bool obey() {
        ControlMessage message;
        int received = 0;
        while ((received = receive_control(settings_.control_fd, message)) > 0) {
            if (message.word == control_end) {
                // What the command wrote last is still under way: its kernel, and we, hold it.
                last_call_ = Clock::now() + longest_farewell;
                passed_ = spliced_.passed();
                (void)reactor_.at(Clock::now() + patience, [this] { look_for_progress(); });
            }
            if (message.word == control_resolv_conf) {
                set_nameservers(message.text);
            }
        }
        return received < 0;
    }

    /// The command has ended, and its connections have, or have had their time.
    [[nodiscard]] bool is_over() const {
        if (!last_call_) {
            return false;
        }
        const std::size_t open = spliced_.size() + slirp_.streams() + (splice_ ? splice_->pending() : 0);
        return open == 0 || Clock::now() >= *last_call_;
    }

    /// A connection that stands still has had its time; one that moves has until `last_call_`.
    void look_for_progress() {
        const std::uint64_t passed = spliced_.passed();
        if (passed == passed_ || spliced_.unfinished() == 0) {
            last_call_ = Clock::now();
            return;
        }
        passed_ = passed;
        (void)reactor_.at(std::min(Clock::now() + patience, *last_call_), [this] { look_for_progress(); });
    }

    void set_nameservers(std::string_view resolv_conf) {
        constexpr std::uint16_t port_dns = 53;
        std::vector<Endpoint> servers;
        for (const IpAddress& address : settings_.nameservers) {
            servers.push_back({address, port_dns});
        }
        dns_.set_servers(servers.empty() ? nameservers(resolv_conf) : std::move(servers));
    }

    std::function<void(Bytes)> to_inside() {
        return [this](Bytes frame) { router_.to_inside(frame); };
    }

    const Settings& settings_;
    Reactor reactor_;
    Policy policy_;
    FlowLog log_;
    std::optional<Capture> capture_;
    Tap tap_;
    ConfiguratorResult inside_; ///< emptied by those who take its parts
    std::vector<int> inside_fds_ = inside_.fds();
    rlim_t descriptors_;
    FlowTable flows_;
    Router router_;
    SlirpEngine slirp_;
    DnsForwarder dns_;
    EchoRelay echo_;
    UdpPublisher udp_;
    KeepaliveLookup keepalive_;
    SpliceTable spliced_;
    SocketAgent agent_;
    TcpPublisher tcp_;
    std::optional<SpliceEngine> splice_;
    UniqueFd dns_listener_;
    std::optional<Clock::time_point> last_call_; ///< when the network ends, whatever is open
    std::uint64_t passed_ = 0;                   ///< by the open connections when last looked
};

void serve(const Settings& settings, pid_t parent) {
    ignore_signals();
    Network network{settings};
    network.enter_walls(parent);
    // From here on frames may come.
    send_control(settings.control_fd, control_ready);
    network.run();
}

/// For `sandbox doctor`: whether TCP can be spliced in the namespace of a tap. Says on stdout what fails.
/// @return the exit status: 1 where not even IPv4 can be
int try_splicing(const char* tap) {
    constexpr int asked_for_the_truth = 60'000; // a start would go on without
    const ConfiguratorResult inside =
        configure_namespace(static_cast<int>(parse_number(tap, INT_MAX).value_or(INT_MAX)),
                            {true, true, false, asked_for_the_truth});
    (void)std::fputs(inside.failure.c_str(), stdout); // the exit status says it too
    return inside.ipv4.valid() ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    const pid_t parent = ::getppid();
    // SLIRP_DEBUG, G_DEBUG and their like are the caller's, not this program's interface.
    (void)::clearenv();
    if (argc == 3 && std::strcmp(argv[1], "--try-splicing") == 0) {
        return try_splicing(argv[2]);
    }
    Settings settings;
    try {
        settings = parse_settings(argc, argv);
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "sandbox-net: %s\n", error.what());
        return 1;
    }
    try {
        serve(settings, parent);
        return 0;
    } catch (const Error& error) {
        const std::string hint = error.hint().empty() ? "" : "\t" + error.hint();
        send_control(settings.control_fd, control_error, error.what() + hint);
        return 1;
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "sandbox-net: %s\n", error.what());
        return 1;
    }
}
