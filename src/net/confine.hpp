// SPDX-License-Identifier: Apache-2.0
// The walls that sandbox-net puts around itself before it reads its first frame: whoever takes it over
// through a frame finds no file, no process, no privilege, no terminal; only sockets, which it has to have.
#pragma once

#include <sys/types.h>

#include <string>

namespace sandbox::net {

struct Confinement {
    int tap_fd = -1;         ///< stays open
    int report_fd = -1;      ///< stays open
    pid_t parent = -1;       ///< as getppid(2) said at the start: its death is this process's death
    std::string resolv_conf; ///< what /etc/resolv.conf shall be; see nameserver_lines()
};

/// Does all of it or throws SystemError with a hint; the process must then end, since part of it may be done.
///
///  - leaves the terminal: a session of its own, /dev/null as descriptors 0 to 2 (TIOCSTI, CVE-2017-5226);
///  - closes every descriptor but those named;
///  - enters a user namespace of its own in which only the caller's ids exist, and mount, ipc and uts
///  namespaces;
///    the network namespace stays, the sockets must live there;
///  - makes an empty read-only tmpfs with nothing but etc/resolv.conf its root;
///  - gives up every capability, bounding set included, and sets no_new_privs;
///  - limits address space and descriptors, forbids core dumps and being traced;
///  - dies with its parent (PR_SET_PDEATHSIG);
///  - Landlock, where the kernel has it, and a seccomp allow-list.
///
/// Works as a plain user, and inside a user namespace; as root there only with CAP_SETFCAP in it, since
/// otherwise the kernel refuses a map that holds the parent's id 0: user_namespaces(7), "Defining user and
/// group ID mappings".
void confine(const Confinement& request);

} // namespace sandbox::net
