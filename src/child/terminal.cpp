// SPDX-License-Identifier: Apache-2.0
// The sandbox's terminal: a pseudo-terminal from its own devpts, so that nothing inside holds the caller's.
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "child/child.hpp"
#include "linux/fdpass.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

void open_terminal(Child& child) noexcept {
    const int master = sys::openat2(child.root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0,
                                    RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    const int unlocked = 0;
    if (master < 0 || ::ioctl(master, TIOCSPTLCK, &unlocked) < 0) {
        fail(child, Stage::terminal);
    }
    // By the master, not by a path that an image could have put something at. ioctl_tty(2), TIOCGPTPEER.
    child.terminal = ::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (child.terminal < 0) {
        fail(child, Stage::terminal);
    }
    const CredentialPlan& credentials = child.plan.credentials;
    if (credentials.uid != 0) {
        // The group (tty) is the mount's own. Best effort: the descriptor serves whoever owns the device.
        (void)!::fchown(child.terminal, credentials.uid, static_cast<gid_t>(-1));
    }
    if (send_fd(child.channel, master, tag_terminal) < 0) {
        fail(child, Stage::terminal);
    }
    (void)::close(master);
}

} // namespace sandbox
