// SPDX-License-Identifier: Apache-2.0
// fuse-overlayfs started inside the sandbox's user namespace.
#include "run/fuse_overlay_helper.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"
#include "idmap/mapped_process.hpp"

namespace sandbox {

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
