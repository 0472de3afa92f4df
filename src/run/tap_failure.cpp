// SPDX-License-Identifier: Apache-2.0
// A tap device that cannot be made.
#include "run/tap_failure.hpp"

#include <cerrno>

namespace sandbox {

Error tap_failure(int code) {
    if (code == ENOENT) {
        return Error("/dev/net/tun", "there is no such device, so no user-mode network",
                     "sudo modprobe tun (inside a sandbox: start that one with --nested), or --network none");
    }
    if (code == EACCES || code == EPERM) {
        return Error(
            "/dev/net/tun", "cannot be opened: " + error_text(code),
            "sudo chmod 0666 /dev/net/tun (as udev does), or start without a network: --network none");
    }
    return SystemError(code, "make a tap device", "network", "--network none starts without one");
}

} // namespace sandbox
