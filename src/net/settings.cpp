// SPDX-License-Identifier: Apache-2.0
// The table of options, and their values.
#include "net/settings.hpp"

#include <getopt.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"

namespace sandbox::net {

namespace {

std::uint64_t number(std::string_view option, std::string_view text, std::uint64_t least,
                     std::uint64_t most) {
    const auto value = parse_number(text, most);
    if (!value || *value < least) {
        throw UsageError(option,
                         "not a number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return *value;
}

int descriptor(std::string_view option, std::string_view text) {
    constexpr std::uint64_t least = 3; // 0 to 2 become /dev/null
    constexpr std::uint64_t most = 1 << 20;
    return static_cast<int>(number(option, text, least, most));
}

/// "tcp:FD:PORT", "udp:FD:PORT".
PublishedSocket parse_published(std::string_view text) {
    const auto fields = split(text, ':');
    if (fields.size() != 3 || (fields[0] != "tcp" && fields[0] != "udp")) {
        throw UsageError("--publish", "not tcp:FD:PORT or udp:FD:PORT");
    }
    return {fields[0] == "tcp" ? Transport::tcp : Transport::udp, descriptor("--publish", fields[1]),
            static_cast<std::uint16_t>(number("--publish", fields[2], 1, 65535))};
}

IpAddress address(std::string_view option, std::string_view text) {
    const auto parsed = parse_ip_address(text);
    if (!parsed) {
        throw UsageError(option, "not an IP address");
    }
    return *parsed;
}

TcpEngineChoice parse_engine(std::string_view text) {
    if (text == "auto") {
        return TcpEngineChoice::automatic;
    }
    if (text != "slirp" && text != "splice") {
        throw UsageError("--net-engine", "not auto, slirp or splice");
    }
    return text == "slirp" ? TcpEngineChoice::slirp : TcpEngineChoice::splice;
}

void check_descriptors(const Settings& settings) {
    if (settings.tap_fd < 0 || settings.control_fd < 0) {
        throw UsageError("sandbox-net", "needs --tap-fd and --control-fd");
    }
    std::vector<int> fds = settings.fds();
    std::ranges::sort(fds);
    if (std::ranges::adjacent_find(fds) != fds.end()) {
        throw UsageError("sandbox-net", "the same descriptor is given twice");
    }
}

} // namespace

std::vector<int> Settings::fds() const {
    std::vector<int> all;
    for (const int fd : {tap_fd, control_fd, net_log_fd, pcap_fd}) {
        if (fd >= 0) {
            all.push_back(fd);
        }
    }
    for (const PublishedSocket& socket : published) {
        all.push_back(socket.fd);
    }
    return all;
}

Settings parse_settings(int argc, char* const* argv) {
    enum : int {
        tap_fd = 1,
        control_fd,
        net_log_fd,
        pcap_fd,
        mtu,
        no_ipv6,
        host_loopback,
        allow,
        dns,
        net_engine,
        publish
    };
    const option table[] = {
        {"tap-fd", required_argument, nullptr, tap_fd},
        {"control-fd", required_argument, nullptr, control_fd},
        {"net-log-fd", required_argument, nullptr, net_log_fd},
        {"pcap-fd", required_argument, nullptr, pcap_fd},
        {"mtu", required_argument, nullptr, mtu},
        {"no-ipv6", no_argument, nullptr, no_ipv6},
        {"host-loopback", no_argument, nullptr, host_loopback},
        {"allow", required_argument, nullptr, allow},
        {"dns", required_argument, nullptr, dns},
        {"net-engine", required_argument, nullptr, net_engine},
        {"publish", required_argument, nullptr, publish},
        {},
    };
    // 1280: the least that IPv6 asks of a link, RFC 8200, 5. 65520: libslirp takes 65521 at most, and a
    // multiple of 8 suits fragments.
    constexpr std::uint64_t least_mtu = 1280;
    constexpr std::uint64_t most_mtu = 65520;
    Settings settings;
    ::optind = 0; // GNU: starts anew, whoever has called it before
    ::opterr = 0; // what is wrong is thrown, not printed
    int chosen = 0;
    while ((chosen = ::getopt_long(argc, argv, "", table, nullptr)) != -1) {
        switch (chosen) {
            case tap_fd:
                settings.tap_fd = descriptor("--tap-fd", ::optarg);
                break;
            case control_fd:
                settings.control_fd = descriptor("--control-fd", ::optarg);
                break;
            case net_log_fd:
                settings.net_log_fd = descriptor("--net-log-fd", ::optarg);
                break;
            case pcap_fd:
                settings.pcap_fd = descriptor("--pcap-fd", ::optarg);
                break;
            case mtu:
                settings.mtu = number("--mtu", ::optarg, least_mtu, most_mtu);
                break;
            case no_ipv6:
                settings.ipv6 = false;
                break;
            case host_loopback:
                settings.host_loopback = true;
                break;
            case allow:
                settings.allow.push_back(parse_allow_rule("--allow", ::optarg));
                break;
            case dns:
                settings.nameservers.push_back(address("--dns", ::optarg));
                break;
            case net_engine:
                settings.engine = parse_engine(::optarg);
                break;
            case publish:
                settings.published.push_back(parse_published(::optarg));
                break;
            default:
                throw UsageError("sandbox-net", "an unknown option, or one without its value");
        }
    }
    if (::optind != argc) {
        throw UsageError("sandbox-net", "takes options only");
    }
    check_descriptors(settings);
    return settings;
}

} // namespace sandbox::net
