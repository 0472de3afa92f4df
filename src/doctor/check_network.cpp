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
#include "base/helper_path.hpp"
#include "base/unique_fd.hpp"
#include "doctor/checks.hpp"
#include "doctor/trial.hpp"
#include "run/tap_failure.hpp"

namespace sandbox {

namespace {

int make_tap() {
    const UniqueFd tap{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
    ifreq request{};
    std::strncpy(request.ifr_name, "doctor0", sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    return !tap.valid() || ::ioctl(tap.get(), TUNSETIFF, &request) < 0 ? errno : 0;
}

bool can_ping(int family, int protocol) {
    return UniqueFd{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, protocol)}.valid();
}

} // namespace

Finding check_tap() {
    const int failure = try_in_namespaces(CLONE_NEWNET, make_tap);
    if (failure == 0) {
        return {"tap", Finding::State::ok, "/dev/net/tun makes interfaces inside", ""};
    }
    const Error error = tap_failure(failure);
    return {"tap", Finding::State::missing, error.what(), error.hint()};
}

Finding check_network_programs() {
    const std::string path = helper_path("sandbox-net");
    if (::access(path.c_str(), X_OK) < 0) {
        return {"sandbox-net", Finding::State::missing, path + ": " + error_text(errno),
                "install the package again"};
    }
    return {"sandbox-net", Finding::State::ok, path, ""};
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
