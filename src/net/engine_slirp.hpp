// SPDX-License-Identifier: Apache-2.0
// Engine 1: libslirp, which answers ARP, neighbour discovery and DHCP itself and turns TCP, UDP and echo
// requests into sockets of this process.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

struct Slirp;

namespace sandbox::net {

struct SlirpSettings {
    std::size_t mtu = 65520; ///< of the tap, in bytes
    bool ipv6 = true;
    bool host_loopback = false;       ///< whether the gateway's address leads to the host's loopback
    const char* dns_socket = nullptr; ///< a path; none: the name server's address does not answer
};

/// Owns a Slirp* and its sockets. Of the gateway's ports only DHCP answers, unless the host's loopback is
/// asked for. Of the name server's only TCP port 53 on its IPv4 address: each connection to it becomes one to
/// the socket at SlirpSettings::dns_socket. Datagrams to it are the caller's to keep, and everything to the
/// IPv6 one.
class SlirpEngine {
  public:
    using Output = std::function<void(std::span<const std::byte> frame)>;

    /// @param output takes the frames for the inside; it must not throw
    SlirpEngine(const SlirpSettings& settings, Output output);
    SlirpEngine(const SlirpEngine&) = delete;
    SlirpEngine& operator=(const SlirpEngine&) = delete;
    ~SlirpEngine();

    /// Takes one frame that the filter has passed.
    void input(std::span<const std::byte> frame) noexcept;

    /// Appends the descriptors of all flows to `polled`.
    /// @return how long poll(2) may sleep, in milliseconds; -1 for ever, where there is no flow
    int add_to_poll(std::vector<pollfd>& polled);

    /// Serves the flows whose descriptors are ready, and the timers. `polled` is what add_to_poll() filled.
    /// Must come before input() after each sleep: libslirp's clock stands still between two calls, and a flow
    /// made by the old time would be over at once.
    void serve(const std::vector<pollfd>& polled);

    /// TCP connections that are not over yet.
    [[nodiscard]] std::size_t streams() const noexcept { return streams_.size(); }

    /// To be called once after the last of a series of input(): frames that waited for an answer to ARP or
    /// neighbour solicitation leave now.
    void flush();

  private:
    struct Callbacks;
    struct Cleanup {
        void operator()(Slirp* slirp) const noexcept;
    };
    using Milliseconds = std::chrono::milliseconds;

    void send_dhcp_answer(std::span<const std::byte> frame) noexcept;

    Output output_;
    std::unordered_set<int> streams_; ///< descriptors of TCP flows
    /// When the next router advertisement is due, on libslirp's clock.
    std::optional<Milliseconds> advertisement_due_;
    std::unique_ptr<Slirp, Cleanup> slirp_;
};

} // namespace sandbox::net
