// SPDX-License-Identifier: Apache-2.0
// What the parent tells sandbox-net by its arguments. They are no user's interface: the parent has checked
// the values before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/network_rules.hpp"

namespace sandbox::net {

/// A bound socket of the host, listening where it is TCP's.
struct PublishedSocket {
    Transport transport{};
    int fd = -1;
    std::uint16_t port = 0; ///< inside
};

enum class TcpEngineChoice : std::uint8_t {
    automatic, ///< spliced where the kernel can
    slirp,
    splice, ///< or an error
};

struct Settings {
    int tap_fd = -1;
    int control_fd = -1;     ///< base/network_control.hpp
    int net_log_fd = -1;     ///< --net-log, opened for appending
    int pcap_fd = -1;        ///< --pcap, empty
    std::size_t mtu = 65520; ///< of the tap, in bytes
    bool ipv6 = true;
    bool host_loopback = false;
    TcpEngineChoice engine = TcpEngineChoice::automatic;
    std::vector<AllowRule> allow;
    std::vector<IpAddress> nameservers; ///< --dns; empty: those of the host's resolv.conf
    std::vector<PublishedSocket> published;

    /// All descriptors among them.
    [[nodiscard]] std::vector<int> fds() const;
};

/// getopt_long(3). Throws UsageError.
Settings parse_settings(int argc, char* const* argv);

} // namespace sandbox::net
