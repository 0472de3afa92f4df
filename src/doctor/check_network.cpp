// SPDX-License-Identifier: Apache-2.0
// What user-mode networking needs.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/helper_path.hpp"
#include "base/unique_fd.hpp"
#include "doctor/checks.hpp"
#include "doctor/trial.hpp"
#include "linux/netlink.hpp"
#include "run/tap_failure.hpp"

namespace sandbox {

namespace {

/// @return invalid, with errno, where none can be made
UniqueFd make_tap() {
    UniqueFd tap{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
    ifreq request{};
    std::strncpy(request.ifr_name, "doctor0", sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (tap.valid() && ::ioctl(tap.get(), TUNSETIFF, &request) < 0) {
        const int failure = errno;
        tap.reset();
        errno = failure;
    }
    return tap;
}

/// In a network namespace of its own: becomes sandbox-net, which writes the rules of splicing there as it
/// does for a sandbox, and says to `output` what the kernel refused. @return an errno value
int try_splicing_with(const std::string& helper, int output) {
    constexpr int loopback = 1; // the first interface of every network namespace
    Netlink netlink;
    const UniqueFd tap = make_tap();
    if (!netlink.valid() || netlink.link_up(loopback, 0) < 0 || !tap.valid() ||
        ::dup2(output, STDOUT_FILENO) < 0 || ::fcntl(tap.get(), F_SETFD, 0) < 0) {
        return errno;
    }
    ::execl(helper.c_str(), "sandbox-net", "--try-splicing", std::to_string(tap.get()).c_str(), nullptr);
    return errno;
}

bool can_ping(int family, int protocol) {
    return UniqueFd{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, protocol)}.valid();
}

} // namespace

Finding check_tap() {
    const int failure = try_in_namespaces(CLONE_NEWNET, [] { return make_tap().valid() ? 0 : errno; });
    if (failure == 0) {
        return {"tap", Finding::State::ok, "/dev/net/tun makes interfaces inside", ""};
    }
    const Error error = tap_failure(failure);
    return {"tap", Finding::State::missing, error.what(), error.hint()};
}

Finding check_splice_engine() {
    const std::string helper = helper_path("sandbox-net");
    if (::access(helper.c_str(), X_OK) < 0) {
        return {"splice-engine", Finding::State::missing, helper + ": " + error_text(errno),
                "install the package again"};
    }
    Pipe output = make_pipe();
    const int status =
        try_in_namespaces(CLONE_NEWNET, [&] { return try_splicing_with(helper, output.write.get()); });
    output.write.reset();
    const std::string reason = read_all(output.read.get(), "sandbox-net");
    if (status == 0 && reason.empty()) {
        return {"splice-engine", Finding::State::ok, "the kernel joins TCP connections", ""};
    }
    return {"splice-engine", Finding::State::degraded,
            "TCP goes through libslirp, which is slower: " +
                (reason.empty() ? "cannot be tried: " + error_text(status) : reason),
            "sudo modprobe -a nf_tables nft_tproxy (a kernel with CONFIG_NFT_TPROXY)"};
}

Finding check_ping() {
    // icmp(7): the caller's group must lie in the range.
    if (can_ping(AF_INET, IPPROTO_ICMP)) {
        return {"ping", Finding::State::ok, "echo requests can be sent for the inside", ""};
    }
    return {"ping", Finding::State::degraded, "ping of outside addresses fails: net.ipv4.ping_group_range",
            "sudo sysctl net.ipv4.ping_group_range=\"0 2147483647\""};
}

} // namespace sandbox
