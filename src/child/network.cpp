// SPDX-License-Identifier: Apache-2.0
// The network namespace from inside: loopback, and the tap device whose other end the parent serves.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

#include "child/child.hpp"
#include "linux/fdpass.hpp"
#include "linux/netlink.hpp"

namespace sandbox {

namespace {

/// The first interface of every network namespace.
constexpr int loopback_index = 1;
constexpr const char* interface_name = "eth0";

/// A sysctl of the new namespace; a kernel without it needs no setting.
void set_sysctl(const char* path, const char* value) noexcept {
    const int file = ::open(path, O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        (void)!::write(file, value, std::strlen(value));
        (void)::close(file);
    }
}

/// Keeps the kernel's own IPv6 chatter off the tap: duplicate address detection and what else has no source
/// address yet, multicast listener reports, which carry a hop-by-hop header, and router solicitations. No
/// frame means that nobody uses the network, and no helper need be started.
int attach_filter(int tap) noexcept {
    sock_filter program[] = {
        {BPF_LD | BPF_H | BPF_ABS, 0, 0, 12}, // EtherType
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 7, 0x86dd},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 14 + 8}, // IPv6 source, its first 32 bits
        {BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 0},
        {BPF_LD | BPF_B | BPF_ABS, 0, 0, 14 + 6},  // next header
        {BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 0},      // hop-by-hop options
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 58},     // ICMPv6
        {BPF_LD | BPF_B | BPF_ABS, 0, 0, 14 + 40}, // its type
        {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 133},    // router solicitation
        {BPF_RET | BPF_K, 0, 0, 0xffffffff},
        {BPF_RET | BPF_K, 0, 0, 0},
    };
    const sock_fprog filter{sizeof program / sizeof program[0], program};
    return ::ioctl(tap, TUNATTACHFILTER, &filter);
}

int make_tap(int* index) noexcept {
    const int tap = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (tap < 0) {
        return -1;
    }
    ifreq request{};
    std::strncpy(request.ifr_name, interface_name, sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    // Persistent: it goes with its namespace. Closing the last descriptor of one that is not takes 30 ms.
    if (::ioctl(tap, TUNSETIFF, &request) < 0 || ::ioctl(tap, TUNSETPERSIST, 1) < 0 ||
        attach_filter(tap) < 0) {
        return -1;
    }
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int found = socket < 0 ? -1 : ::ioctl(socket, SIOCGIFINDEX, &request);
    (void)::close(socket);
    *index = request.ifr_ifindex;
    return found < 0 ? -1 : tap;
}

/// Addresses as slirp users know them: qemu's and slirp4netns's.
int configure(Netlink& netlink, int index, const NetworkPlan& network) noexcept {
    const in_addr address{htonl(0x0a00020f)}; // 10.0.2.15
    const in_addr gateway{htonl(0x0a000202)}; // 10.0.2.2
    const in6_addr address6{{{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x15}}};
    const in6_addr gateway6{{{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02}}};
    if (netlink.link_up(index, network.mtu) < 0 || netlink.add_address(index, address, 24) < 0 ||
        netlink.add_default_route(index, gateway) < 0) {
        return -1;
    }
    // A host without IPv6 has none inside either.
    if (network.ipv6 && netlink.add_address(index, address6, 64) == 0) {
        (void)netlink.add_default_route(index, gateway6);
    }
    return 0;
}

} // namespace

void allow_ping(const Child& child) noexcept {
    if (child.plan.network.loopback) {
        set_sysctl("/proc/sys/net/ipv4/ping_group_range", child.plan.network.ping_group_range);
    }
}

void set_up_network(Child& child) noexcept {
    const NetworkPlan& network = child.plan.network;
    if (!network.loopback) {
        return;
    }
    Netlink netlink;
    if (!netlink.valid() || netlink.link_up(loopback_index, 0) < 0) {
        fail(child, Stage::network);
    }
    if (!network.tap) {
        return;
    }
    int index = 0;
    const int tap = make_tap(&index);
    if (tap < 0) {
        fail(child, Stage::tap);
    }
    if (configure(netlink, index, network) < 0 || send_fd(child.channel, tap, tag_tap) < 0) {
        fail(child, Stage::network);
    }
    (void)::close(tap);
}

} // namespace sandbox
