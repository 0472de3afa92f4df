// SPDX-License-Identifier: Apache-2.0
// sandbox-net: user-mode networking for one sandbox, between the tap in its namespace and the host's sockets.
//
//   sandbox-net --tap-fd N --report-fd N [--mtu BYTES] [--no-ipv6]
//
// To --report-fd goes one line: "ready", once frames are served, or "error TAB reason TAB hint". It stays
// open as long as the process lives; when its reader closes the other end, the process ends too. Exit status:
// 0 when the tap or the parent went away, 1 after an error.
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "net/confine.hpp"
#include "net/engine_slirp.hpp"
#include "net/loop.hpp"
#include "net/resolv_conf.hpp"
#include "net/tap.hpp"

namespace {

using namespace sandbox;
using namespace sandbox::net;

struct Options {
    int tap_fd = -1;
    int report_fd = -1;
    SlirpSettings slirp;
};

std::uint64_t number(const char* option, const char* text, std::uint64_t least, std::uint64_t most) {
    const auto value = parse_number(text, most);
    if (!value || *value < least) {
        throw UsageError(option,
                         "not a number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return *value;
}

Options parse_options(int argc, char** argv) {
    enum : int { tap_fd = 1, report_fd, mtu, no_ipv6 };
    const option table[] = {
        {"tap-fd", required_argument, nullptr, tap_fd},
        {"report-fd", required_argument, nullptr, report_fd},
        {"mtu", required_argument, nullptr, mtu},
        {"no-ipv6", no_argument, nullptr, no_ipv6},
        {},
    };
    // 1280: the least that IPv6 asks of a link, RFC 8200, 5. 65520: libslirp takes 65521 at most, and a
    // multiple of 8 suits fragments.
    constexpr std::uint64_t least_mtu = 1280;
    constexpr std::uint64_t most_mtu = 65520;
    constexpr std::uint64_t least_fd = 3; // 0 to 2 become /dev/null
    constexpr std::uint64_t most_fd = 1 << 20;
    Options options;
    int chosen = 0;
    while ((chosen = ::getopt_long(argc, argv, "", table, nullptr)) != -1) {
        switch (chosen) {
            case tap_fd:
                options.tap_fd = static_cast<int>(number("--tap-fd", optarg, least_fd, most_fd));
                break;
            case report_fd:
                options.report_fd = static_cast<int>(number("--report-fd", optarg, least_fd, most_fd));
                break;
            case mtu:
                options.slirp.mtu = number("--mtu", optarg, least_mtu, most_mtu);
                break;
            case no_ipv6:
                options.slirp.ipv6 = false;
                break;
            default:
                throw UsageError("sandbox-net", "unknown option");
        }
    }
    if (optind != argc || options.tap_fd < 0 || options.report_fd < 0 ||
        options.tap_fd == options.report_fd) {
        throw UsageError("sandbox-net", "needs --tap-fd and --report-fd, and nothing else");
    }
    return options;
}

void report(int fd, const std::string& line) {
    write_all(fd, line + "\n", "--report-fd");
}

void ignore_broken_connections() {
    // libslirp sends without MSG_NOSIGNAL. slirp_send() in its slirp.c.
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    check(::sigaction(SIGPIPE, &ignore, nullptr), "ignore SIGPIPE");
}

void serve(const Options& options, pid_t parent) {
    ignore_broken_connections();
    const Tap tap{UniqueFd{options.tap_fd}};
    const std::string nameservers =
        nameserver_lines(read_file_if_exists(AT_FDCWD, "/etc/resolv.conf").value_or(""));
    // Made before the walls: it reads /dev/urandom for its seed. It opens no socket before its first frame.
    SlirpEngine engine{options.slirp, tap};
    confine({options.tap_fd, options.report_fd, parent, nameservers});
    // From here on frames may come.
    report(options.report_fd, "ready");
    run_loop(tap, engine, options.report_fd, options.slirp.ipv6);
}

} // namespace

int main(int argc, char** argv) {
    const pid_t parent = ::getppid();
    // SLIRP_DEBUG, G_DEBUG and their like are the caller's, not this program's interface.
    (void)::clearenv();
    Options options;
    try {
        options = parse_options(argc, argv);
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "sandbox-net: %s\n", error.what());
        return 1;
    }
    try {
        serve(options, parent);
        return 0;
    } catch (const Error& error) {
        try {
            report(options.report_fd, "error\t" + std::string{error.what()} + "\t" + error.hint());
        } catch (const std::exception&) {
            // Nobody is left to tell.
        }
        return 1;
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "sandbox-net: %s\n", error.what());
        return 1;
    }
}
