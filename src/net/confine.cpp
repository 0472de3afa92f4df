// SPDX-License-Identifier: Apache-2.0
// Self-confinement, in the order in which each step still has the rights it needs.
#include "net/confine.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "linux/capabilities.hpp"
#include "linux/confine.hpp"
#include "linux/seccomp.hpp"
#include "linux/user_namespace.hpp"

namespace sandbox::net {

namespace {

/// libslirp keeps two buffers of 192 kB for each TCP flow, touched or not, and glib aborts where memory ends:
/// so the descriptors must run out first. tcp_mss() in libslirp's tcp_input.c.
constexpr unsigned long long max_address_space = 2ULL << 30;

/// What was seen under strace with every kind of flow, and what the C library calls in its place on other
/// versions or when it aborts. Of files only openat and what stat(2) needs, for libslirp's resolv.conf, which
/// it does not find; no execve, clone, bind or listen.
constexpr int allowed_calls[] = {
    // the loop and the tap
    SYS_read,
    SYS_write,
    SYS_writev,
    SYS_ppoll,
#ifdef SYS_poll
    SYS_poll,
#endif
    SYS_restart_syscall,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
    SYS_clock_gettime,
    // flows
    SYS_socket,
    SYS_connect,
    SYS_accept4, // DNS over TCP
    SYS_sendto,
    SYS_recvfrom,
    SYS_recvmsg, // errors of ICMP sockets, and the addresses that published datagrams came to
    SYS_sendmsg, // from such an address
    SYS_shutdown,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_getpeername,
    SYS_getsockname, // what an accepted connection was meant for
    SYS_fcntl,       // F_SETPIPE_SZ too
    SYS_ioctl,       // FIONREAD before a datagram is received, SIOCATMARK
    SYS_splice,
    SYS_pipe2,
    SYS_close,
    // what a full disk left of a capture
    SYS_ftruncate,
    // libslirp looks for /etc/resolv.conf, and the C library for its own
    SYS_openat,
    SYS_newfstatat,
    SYS_fstat,
#ifdef SYS_stat
    SYS_stat,
#endif
    SYS_lseek,
    // memory
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_getrandom,
    SYS_futex,
    // the end
    SYS_exit,
    SYS_exit_group,
    SYS_rt_sigreturn,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_getpid,
    SYS_gettid,
    SYS_tgkill,
};

[[noreturn]] void refuse(int code, std::string_view action) {
    throw SystemError(code, action, "confinement of sandbox-net",
                      "user namespaces must be allowed: see user.max_user_namespaces, "
                      "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns");
}

/// As check(), for the steps that a host without unprivileged user namespaces forbids.
void must(long result, std::string_view action) {
    if (result < 0) {
        refuse(errno, action);
    }
}

void leave_terminal() {
    // Ctrl-C in the caller's terminal is for the sandbox. A leader of a session already has one of its own.
    if (::setsid() < 0 && ::getsid(0) != ::getpid()) {
        throw_errno(errno, "leave the session of", "the caller");
    }
    const UniqueFd null{check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null")};
    for (int standard = 0; standard <= STDERR_FILENO; ++standard) {
        check(::dup2(null.get(), standard), "put away", "a standard descriptor");
    }
}

void close_all_but(std::vector<int> fds) {
    std::ranges::sort(fds);
    unsigned first = STDERR_FILENO + 1;
    for (const int fd : fds) {
        const auto kept = static_cast<unsigned>(fd);
        if (first < kept) {
            check(::close_range(first, kept - 1, 0), "close inherited descriptors");
        }
        first = kept + 1;
    }
    check(::close_range(first, ~0U, 0), "close inherited descriptors");
}

void enter_namespaces() {
    const auto only = [](unsigned id) { return std::to_string(id) + " " + std::to_string(id) + " 1\n"; };
    const std::string uid_map = only(::geteuid());
    const std::string gid_map = only(::getegid());
    must(::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS), "make namespaces");
    must(write_own_maps(uid_map.c_str(), gid_map.c_str()), "write the id maps");
}

UniqueFd listen_at(const char* path) {
    UniqueFd listener{
        check(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "make a socket", path)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (void)std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    (void)::umask(0077); // the caller's could keep us from connecting to it
    check(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind", path);
    // libslirp's connect(2) must not wait for an accept(2) by the same thread: more places than frames are
    // read from the tap between two looks at it.
    constexpr int places = 1024;
    check(::listen(listener.get(), places), "listen at", path);
    return listener;
}

/// @return the listener at dns_socket_path
UniqueFd enter_empty_root() {
    // /proc is the one directory that surely exists, the maps having been written; nothing needs it any more.
    const char* const place = "/proc";
    constexpr unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    must(::mount("tmpfs", place, "tmpfs", flags, "mode=0755,size=64k,nr_inodes=8"), "mount an empty root");
    try {
        enter_root(place);
    } catch (const SystemError& error) {
        refuse(error.code(), "enter an empty root");
    }
    UniqueFd listener = listen_at(dns_socket_path);
    must(::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, nullptr),
         "make the empty root read-only");
    return listener;
}

void set_limits(rlim_t descriptors_wanted) {
#ifndef __SANITIZE_ADDRESS__ // its shadow takes terabytes of address space
    limit_memory(max_address_space);
#endif
    rlimit descriptors{};
    check(::getrlimit(RLIMIT_NOFILE, &descriptors), "read the limit of descriptors");
    descriptors.rlim_max = std::min(descriptors.rlim_max, descriptors_wanted);
    descriptors.rlim_cur = descriptors.rlim_max;
    check(::setrlimit(RLIMIT_NOFILE, &descriptors), "limit the descriptors");
}

void drop_privileges() {
    check(limit_capability_bounds(0), "empty the bounding set");
    check(set_capabilities(0, 0, 0), "drop capabilities");
    check(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "forbid tracing");
}

void die_with(pid_t parent) {
    // A change of credentials clears it, so it comes after the last one. prctl(2), PR_SET_PDEATHSIG.
    check(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "ask for a signal at the parent's death");
    if (::getppid() != parent) {
        throw SystemError(ESRCH, "run", "sandbox-net", "its parent is gone");
    }
}

} // namespace

UniqueFd confine(const Confinement& request) {
    leave_terminal();
    close_all_but(request.fds);
    enter_namespaces();
    UniqueFd dns_listener = enter_empty_root();
    // From here on no file of the host can be named.
    set_limits(request.descriptors);
    drop_privileges();
    // From here on the kernel treats it as a stranger with the caller's uid.
    die_with(request.parent);
    (void)landlock_restrict(false); // false: a kernel without Landlock, where the other walls have to do
    const bool has_unix_sockets = landlock_scope_abstract_sockets();
    if (!has_unix_sockets) {
        dns_listener.reset();
    }
    check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
    check(load_allow_list(allowed_calls,
                          has_unix_sockets ? SocketDomains::internet_and_unix : SocketDomains::internet),
          "load the system-call filter");
    return dns_listener;
}

} // namespace sandbox::net
