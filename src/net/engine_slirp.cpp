// SPDX-License-Identifier: Apache-2.0
// libslirp's callbacks and poll hooks. No exception may pass through its C frames: all callbacks are
// noexcept.
#include "net/engine_slirp.hpp"

#include <glib.h>
#include <libslirp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "net/addresses.hpp"

namespace sandbox::net {

namespace {

std::chrono::milliseconds now() noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
}

// The two sets of bits have the same meaning, but libslirp promises no equal values.
struct EventPair {
    int slirp;
    short poll;
};
constexpr EventPair event_pairs[] = {
    {SLIRP_POLL_IN, POLLIN},   {SLIRP_POLL_OUT, POLLOUT}, {SLIRP_POLL_PRI, POLLPRI},
    {SLIRP_POLL_ERR, POLLERR}, {SLIRP_POLL_HUP, POLLHUP},
};

int add_poll(int fd, int events, void* opaque) noexcept {
    auto& polled = *static_cast<std::vector<pollfd>*>(opaque);
    short wanted = 0;
    for (const EventPair& pair : event_pairs) {
        if ((events & pair.slirp) != 0) {
            wanted = static_cast<short>(wanted | pair.poll);
        }
    }
    polled.push_back({fd, wanted, 0});
    return static_cast<int>(polled.size() - 1);
}

int ready_events(int index, void* opaque) noexcept {
    const auto& polled = *static_cast<const std::vector<pollfd>*>(opaque);
    int ready = 0;
    for (const EventPair& pair : event_pairs) {
        if ((polled[static_cast<std::size_t>(index)].revents & pair.poll) != 0) {
            ready |= pair.slirp;
        }
    }
    return ready;
}

int no_events(int, void*) noexcept {
    return 0;
}

bool is_stream(int fd) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/// Guests can provoke libslirp's warnings at will ("external icmpv6 not supported yet"); they go nowhere.
void discard_log(const gchar*, GLogLevelFlags, const gchar*, gpointer) noexcept {}

in_addr to_in_addr(const Ipv4Address& address) noexcept {
    in_addr result{};
    std::memcpy(&result, address.data(), address.size());
    return result;
}

in6_addr to_in6_addr(const Ipv6Address& address) noexcept {
    in6_addr result{};
    std::memcpy(&result, address.data(), address.size());
    return result;
}

// In a frame from libslirp, whose IPv4 headers have no options.
constexpr std::size_t udp_begin = 14 + 20;
constexpr std::size_t dhcp_options_begin = udp_begin + 8 + 240; // RFC 2131, 2, and the cookie

bool is_dhcp_answer(std::span<const std::byte> frame) noexcept {
    const auto byte = [&](std::size_t at) { return std::to_integer<unsigned>(frame[at]); };
    return frame.size() > dhcp_options_begin && byte(12) == 0x08 && byte(13) == 0x00 &&
           byte(23) == IPPROTO_UDP && byte(udp_begin) == 0 && byte(udp_begin + 1) == 67;
}

SlirpConfig make_config(const SlirpSettings& settings) noexcept {
    SlirpConfig config{};
    config.version = 4;
    config.in_enabled = true;
    config.vnetwork = to_in_addr(ipv4_network);
    config.vnetmask = to_in_addr(ipv4_netmask);
    config.vhost = to_in_addr(ipv4_gateway);
    config.vnameserver = to_in_addr(ipv4_slirp_nameserver);
    config.vdhcp_start = to_in_addr(ipv4_guest);
    config.in6_enabled = settings.ipv6;
    config.vprefix_addr6 = to_in6_addr(ipv6_prefix);
    config.vprefix_len = ipv6_prefix_bits;
    config.vhost6 = to_in6_addr(ipv6_gateway);
    config.vnameserver6 = to_in6_addr(ipv6_nameserver);
    config.if_mtu = settings.mtu;
    config.if_mru = settings.mtu;
    config.disable_host_loopback = !settings.host_loopback;
    return config;
}

} // namespace

struct SlirpEngine::Callbacks {
    static SlirpEngine& self(void* opaque) noexcept { return *static_cast<SlirpEngine*>(opaque); }

    static ssize_t send_packet(const void* frame, std::size_t size, void* opaque) noexcept {
        const std::span<const std::byte> bytes{static_cast<const std::byte*>(frame), size};
        if (is_dhcp_answer(bytes)) {
            self(opaque).send_dhcp_answer(bytes);
        } else {
            self(opaque).output_(bytes);
        }
        return static_cast<ssize_t>(size);
    }
    static void guest_error(const char*, void*) noexcept {}
    static std::int64_t clock_get_ns(void*) noexcept {
        return std::chrono::nanoseconds{std::chrono::steady_clock::now().time_since_epoch()}.count();
    }
    // The one timer there is, SLIRP_TIMER_RA, is a member of the engine: its handle is the engine itself.
    static void* timer_new(SlirpTimerId, void*, void* opaque) noexcept { return opaque; }
    static void timer_free(void*, void* opaque) noexcept { self(opaque).advertisement_due_.reset(); }
    static void timer_mod(void*, std::int64_t expire_ms, void* opaque) noexcept {
        self(opaque).advertisement_due_ = Milliseconds{expire_ms};
    }
    static void register_poll_fd(int fd, void* opaque) noexcept {
        if (fd >= 0 && is_stream(fd)) {
            self(opaque).streams_.insert(fd);
        }
    }
    static void unregister_poll_fd(int fd, void* opaque) noexcept { self(opaque).streams_.erase(fd); }
    static void notify(void*) noexcept {} // nothing sleeps while libslirp runs

    static constexpr SlirpCb make_table() noexcept {
        SlirpCb callbacks{};
        callbacks.send_packet = send_packet;
        callbacks.guest_error = guest_error;
        callbacks.clock_get_ns = clock_get_ns;
        callbacks.timer_free = timer_free;
        callbacks.timer_mod = timer_mod;
        callbacks.register_poll_fd = register_poll_fd;
        callbacks.unregister_poll_fd = unregister_poll_fd;
        callbacks.notify = notify;
        callbacks.timer_new_opaque = timer_new;
        return callbacks;
    }
    static const SlirpCb table; ///< libslirp keeps the pointer
};
constexpr SlirpCb SlirpEngine::Callbacks::table = make_table();

void SlirpEngine::Cleanup::operator()(Slirp* slirp) const noexcept {
    slirp_cleanup(slirp);
}

SlirpEngine::SlirpEngine(const SlirpSettings& settings, Output output) : output_(std::move(output)) {
    (void)g_log_set_default_handler(discard_log, nullptr); // the handler before is glib's own
    const SlirpConfig config = make_config(settings);
    slirp_.reset(slirp_new(&config, &Callbacks::table, this));
    if (!slirp_) {
        throw UsageError("libslirp", "does not take the configuration");
    }
    if (settings.dns_socket != nullptr) {
        constexpr int dns_port = 53;
        in_addr nameserver = to_in_addr(ipv4_nameserver);
        if (slirp_add_unix(slirp_.get(), settings.dns_socket, &nameserver, dns_port) < 0) {
            throw UsageError("libslirp", "does not take a name server");
        }
    }
}

SlirpEngine::~SlirpEngine() = default;

void SlirpEngine::send_dhcp_answer(std::span<const std::byte> frame) noexcept {
    // libslirp announces what it takes for its name server. RFC 2132, 2 and 3.8.
    constexpr std::byte pad{0};
    constexpr std::byte end{255};
    constexpr std::byte name_server{6};
    std::array<std::byte, 2048> answer{};
    const std::size_t size = std::min(frame.size(), answer.size());
    std::ranges::copy(frame.first(size), answer.begin());
    std::size_t at = dhcp_options_begin;
    while (at + 1 < size && answer[at] != end) {
        const std::size_t length = answer[at] == pad ? 0 : std::to_integer<std::size_t>(answer[at + 1]) + 1;
        if (answer[at] == name_server && length == 1 + ipv4_nameserver.size() && at + length < size) {
            std::memcpy(&answer[at + 2], ipv4_nameserver.data(), ipv4_nameserver.size());
            answer[udp_begin + 6] = answer[udp_begin + 7] = std::byte{0}; // no checksum: RFC 768
        }
        at += 1 + length;
    }
    output_(std::span{answer}.first(size));
}

void SlirpEngine::input(std::span<const std::byte> frame) noexcept {
    slirp_input(slirp_.get(), reinterpret_cast<const std::uint8_t*>(frame.data()),
                static_cast<int>(frame.size()));
}

int SlirpEngine::add_to_poll(std::vector<pollfd>& polled) {
    // libslirp 4.7 answers 1000 when nothing is pending at all, so that value means "no timer".
    // slirp_update_timeout() in its slirp.c.
    constexpr std::uint32_t idle_answer = 1000;
    // Without TCP, the half-second tick only lets UDP and echo flows expire (after 10 or 240 seconds), and
    // unfinished fragments: no hurry.
    constexpr std::uint32_t fast_answer = 2;
    constexpr std::uint32_t expiry_tick = 10'000;

    std::uint32_t timeout = UINT32_MAX;
    slirp_pollfds_fill(slirp_.get(), &timeout, add_poll, &polled);
    if (timeout >= idle_answer) {
        return -1;
    }
    if (streams_.empty() && timeout > fast_answer) {
        timeout = expiry_tick;
    }
    // Unasked router advertisements (every 200 to 600 s) only matter to open flows: the guest's fixed address
    // and route never expire, and a solicitation is always answered.
    if (advertisement_due_) {
        const auto left = std::max<std::int64_t>((*advertisement_due_ - now()).count(), 0);
        timeout = static_cast<std::uint32_t>(std::min<std::int64_t>(timeout, left));
    }
    return static_cast<int>(timeout);
}

void SlirpEngine::serve(const std::vector<pollfd>& polled) {
    slirp_pollfds_poll(slirp_.get(), 0, ready_events, const_cast<std::vector<pollfd>*>(&polled));
    if (advertisement_due_ && *advertisement_due_ <= now()) {
        slirp_handle_timer(slirp_.get(), SLIRP_TIMER_RA, nullptr); // sets the next one
    }
}

void SlirpEngine::flush() {
    // With select_error set no socket is touched: what is left are timers and if_start(), which sends.
    slirp_pollfds_poll(slirp_.get(), 1, no_events, nullptr);
}

} // namespace sandbox::net
