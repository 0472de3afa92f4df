// SPDX-License-Identifier: Apache-2.0
// The walls that sandbox-net puts around itself before it reads its first frame: whoever takes it over
// through a frame finds no file, no process, no privilege, no terminal; only sockets, which it has to have.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <vector>

#include "base/unique_fd.hpp"

namespace sandbox::net {

struct Confinement {
    std::vector<int> fds; ///< that stay open, all above 2
    pid_t parent = -1;    ///< as getppid(2) said at the start: its death is this process's death
    /// To be open at once at most, as far as the hard limit goes. Flows of all protocols together: beyond it
    /// libslirp refuses new ones with ICMP.
    rlim_t descriptors = 4096;
};

/// The one thing in the empty root: where libslirp connects to for DNS over TCP.
inline constexpr const char* dns_socket_path = "/dns";

/// Does all of it or throws SystemError with a hint; the process must then end, since part of it may be done.
///
///  - leaves the terminal: a session of its own, /dev/null as descriptors 0 to 2 (TIOCSTI, CVE-2017-5226);
///  - closes every descriptor but those named;
///  - enters a user namespace of its own in which only the caller's ids exist, and mount, ipc and uts
///  namespaces;
///    the network namespace stays, the sockets must live there;
///  - makes an empty read-only tmpfs with nothing but dns_socket_path its root;
///  - gives up every capability, bounding set included, and sets no_new_privs;
///  - limits address space and descriptors, forbids core dumps and being traced;
///  - dies with its parent (PR_SET_PDEATHSIG);
///  - Landlock, where the kernel has it, and a seccomp allow-list.
///
/// Works as a plain user, and inside a user namespace; as root there only with CAP_SETFCAP in it, since
/// otherwise the kernel refuses a map that holds the parent's id 0: user_namespaces(7), "Defining user and
/// group ID mappings".
/// @return a socket that listens at dns_socket_path; none where the kernel (before 6.12) cannot keep a
/// process
///         with unix sockets away from those of the host, so that there are no unix sockets at all
UniqueFd confine(const Confinement& request);

} // namespace sandbox::net
