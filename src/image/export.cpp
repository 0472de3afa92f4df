// SPDX-License-Identifier: Apache-2.0
// Exports: sandbox-unpack with the layers as open directories.
#include "image/export.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/helper_path.hpp"
#include "base/process.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "base/unpack_report.hpp"
#include "idmap/mapped_process.hpp"
#include "image/image.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

constexpr int first_layer = 4; // the helper's number for it; src/unpack/main.cpp

/// A report comes when the work is done, or never.
void wait_for_report(int report, const ChildProcess& child, SignalSource& signals) {
    pollfd wanted[] = {{report, POLLIN, 0}, {signals.fd(), POLLIN, 0}};
    while (wanted[0].revents == 0) {
        if (::poll(wanted, 2, -1) < 0 && errno != EINTR) {
            throw_errno(errno, "wait for", "sandbox-unpack");
        }
        if (const auto signal = signals.take()) {
            (void)sys::pidfd_send_signal(child.pidfd.get(), SIGKILL);
            (void)wait_for(child);
            throw Interrupted{static_cast<int>(signal->ssi_signo)};
        }
    }
}

[[noreturn]] void throw_failure(const std::string& name, const std::optional<UnpackReport>& report,
                                int status) {
    if (report && std::holds_alternative<UnpackFailure>(*report)) {
        const auto& failure = std::get<UnpackFailure>(*report);
        throw Error(failure.object.empty() ? name : name + ": " + printable(failure.object),
                    printable(failure.reason), printable(failure.hint));
    }
    throw Error(name, WIFSIGNALED(status)
                          ? "sandbox-unpack was killed by signal " + std::to_string(WTERMSIG(status))
                          : "sandbox-unpack ended with status " + std::to_string(shell_status(status)));
}

} // namespace

void export_layers(const std::string& name, const std::vector<std::string>& layers, const Mapping& mapping,
                   int fd, const Log& log) {
    SignalSource signals{SIGINT, SIGTERM, SIGHUP};
    Pipe report = make_pipe();
    SpawnRequest request;
    request.path = helper_path("sandbox-unpack");
    request.arguments = {"sandbox-unpack", "export", std::to_string(layers.size())};
    request.fds = {{fd, 1}, {report.write.get(), 3}};
    std::vector<UniqueFd> directories;
    for (const std::string& layer : layers) {
        directories.emplace_back(
            check(::open(layer.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", layer));
        request.fds.push_back(
            {directories.back().get(), first_layer + static_cast<int>(request.fds.size()) - 2});
    }
    const ChildProcess child = spawn_mapped(request, mapping);
    report.write.reset();
    wait_for_report(report.read.get(), child, signals);
    const std::string lines = read_all(report.read.get(), "sandbox-unpack", max_report_line);
    const int status = wait_for(child);
    // Not trim(): an empty hint leaves a tab at the end.
    const auto last = parse_unpack_report(std::string_view{lines}.substr(0, lines.find('\n')));
    if (!last || !std::holds_alternative<UnpackDone>(*last) || status != 0) {
        throw_failure(name, last, status);
    }
    const auto& done = std::get<UnpackDone>(*last);
    log.debug(name + ": " + std::to_string(done.entries) + " entries, " + done.digest);
}

} // namespace sandbox
