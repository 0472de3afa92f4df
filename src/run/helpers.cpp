// SPDX-License-Identifier: Apache-2.0
// The programs that serve a running sandbox from outside.
#include "run/helpers.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/helper_path.hpp"
#include "base/text.hpp"
#include "idmap/mapped_process.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

void kill_and_reap(const ChildProcess& process) noexcept {
    if (process.pid > 0) {
        (void)sys::pidfd_send_signal(process.pidfd.get(), SIGKILL); // may be gone already
        (void)::waitpid(process.pid, nullptr, 0);
    }
}

} // namespace

NetworkHelper::~NetworkHelper() {
    kill_and_reap(process_);
}

void NetworkHelper::prepare(pollfd& wait) const {
    wait = {tap_.valid() ? tap_.get() : report_.valid() ? report_.get() : -1, POLLIN, 0};
}

void NetworkHelper::serve(const pollfd& ready, unsigned mtu, const Log& log) {
    if (ready.revents == 0) {
        return;
    }
    if (tap_.valid()) {
        try {
            start(mtu);
        } catch (const Error& error) {
            log.note(std::string{"network: "} + error.what());
        }
        tap_.reset();
    } else {
        read_report(log);
    }
}

void NetworkHelper::start(unsigned mtu) {
    Pipe report = make_pipe();
    const UniqueFd null{check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null")};
    SpawnRequest request;
    request.path = helper_path("sandbox-net");
    request.arguments = {"sandbox-net", "--tap-fd", "3", "--report-fd", "4", "--mtu", std::to_string(mtu)};
    request.fds = {{null.get(), 0}, {null.get(), 1}, {tap_.get(), 3}, {report.write.get(), 4}};
    process_ = spawn(request);
    report_ = std::move(report.read);
}

/// "ready", or why there is no network; end of file when the helper is gone.
void NetworkHelper::read_report(const Log& log) {
    char text[4096];
    const ssize_t got = ::read(report_.get(), text, sizeof text);
    if (got <= 0) {
        log.note("network: sandbox-net has ended; the sandbox has no network any more");
        report_.reset();
        return;
    }
    const auto fields = split(trim({text, static_cast<std::size_t>(got)}), '\t');
    if (fields[0] == "error" && fields.size() == 3) {
        log.note("network: " + printable(fields[1]) +
                 (fields[2].empty() ? "" : "\nhint: " + printable(fields[2])));
        report_.reset();
    }
}

FuseOverlayHelper::FuseOverlayHelper(const UniqueFd& device, const RootPlan& root, const Mapping& mapping) {
    const UniqueFd null{check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null")};
    SpawnRequest request;
    request.path = fuse_overlayfs_path;
    request.own_session = true; // Ctrl-C is for the command, which may live on
    // Its chatter about mount options it does not know is nobody's concern; a mount that fails shows as such.
    request.fds = {{null.get(), 0}, {null.get(), 1}, {null.get(), 2}, {device.get(), 3}};
    // By descriptor: paths may hold a comma or a colon.
    std::vector<UniqueFd> directories;
    const auto pass = [&](const std::string& path) {
        const int number = 4 + static_cast<int>(directories.size());
        directories.emplace_back(check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path));
        request.fds.push_back({directories.back().get(), number});
        return "/proc/self/fd/" + std::to_string(number);
    };
    std::string lower;
    for (const char* layer : root.layers) {
        lower += (lower.empty() ? "" : ":") + pass(layer);
    }
    const std::string run_directory = root.run_directory;
    const std::string upper = pass(run_directory + "/upper");
    request.arguments = {"fuse-overlayfs", "-f", "-o",
                         "lowerdir=" + lower + ",upperdir=" + upper +
                             ",workdir=" + pass(run_directory + "/work") + ",volatile",
                         "/dev/fd/3"};
    process_ = spawn_mapped(request, mapping);
}

FuseOverlayHelper::~FuseOverlayHelper() {
    kill_and_reap(process_);
}

} // namespace sandbox
