// SPDX-License-Identifier: Apache-2.0
// clone3 into a user namespace, maps, then work.
//
//   parent                            child
//   clone3(CLONE_NEWUSER) ──────────▶ waits
//   write_maps, 'm' ────────────────▶ ids 0:0, then the body; its result is the exit status
#include "idmap/mapped_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <exception>

#include "base/error.hpp"
#include "base/files.hpp"
#include "idmap/user_namespace_failure.hpp"
#include "linux/syscalls.hpp"
#include "linux/tree.hpp"
#include "linux/user_namespace.hpp"

namespace sandbox {

namespace {

int take_ids(const Mapping& mapping, int start, pid_t parent) {
    if (mapping.way == MapWay::self &&
        write_own_maps(map_text(mapping.maps.uid).c_str(), map_text(mapping.maps.gid).c_str()) < 0) {
        return -1;
    }
    char byte = 0;
    if (!read_byte(start, &byte)) {
        return -1;
    }
    if (maps_inside(mapping.maps.gid, 0) && ::setresgid(0, 0, 0) < 0) {
        return -1;
    }
    if (maps_inside(mapping.maps.uid, 0) && ::setresuid(0, 0, 0) < 0) {
        return -1;
    }
    // Last, for a change of ids clears it. PR_SET_PDEATHSIG, prctl(2). A parent that died before 'm' is seen
    // by the pipe, one that died since by its number.
    return ::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || ::getppid() != parent ? -1 : 0;
}

[[noreturn]] void run_child(const Mapping& mapping, int start, pid_t parent,
                            const std::function<int()>& body) noexcept {
    if (take_ids(mapping, start, parent) < 0) {
        ::_exit(126);
    }
    sigset_t none;
    (void)::sigemptyset(&none);
    (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
    try {
        ::_exit(body());
    } catch (const std::exception&) {
        ::_exit(1);
    }
}

} // namespace

ChildProcess run_mapped(const Mapping& mapping, const std::function<int()>& body) {
    Pipe start = make_byte_pipe();
    const pid_t parent = ::getpid();
    clone_args arguments{};
    arguments.flags = CLONE_NEWUSER;
    arguments.exit_signal = SIGCHLD;
    const pid_t pid = sys::clone3(&arguments);
    if (pid < 0) {
        throw user_namespace_failure(errno);
    }
    if (pid == 0) {
        // The child must see the parent's death as end of file.
        start.write.reset();
        run_child(mapping, start.read.get(), parent, body);
    }
    ChildProcess child{pid, UniqueFd{sys::pidfd_open(pid)}};
    try {
        check(child.pidfd.get(), "open a pidfd of", "a child process");
        write_maps(pid, mapping);
        check(send_byte(start.write.get(), 'm'), "start", "a child process");
    } catch (...) {
        (void)::kill(pid, SIGKILL);
        (void)::waitpid(pid, nullptr, 0);
        throw;
    }
    return child;
}

ChildProcess spawn_mapped(const SpawnRequest& request, const Mapping& mapping) {
    // Sources are moved above every wanted number, so that no dup2 in the child destroys a later source.
    int above = 3;
    for (const PassedFd& fd : request.fds) {
        above = std::max(above, fd.number + 1);
    }
    return run_mapped(mapping, [&]() -> int {
        if (request.own_session) {
            (void)::setsid(); // a new process leads no group
        }
        std::vector<PassedFd> fds = request.fds;
        for (PassedFd& fd : fds) {
            fd.source = check(::fcntl(fd.source, F_DUPFD_CLOEXEC, above), "duplicate", "a descriptor");
        }
        check(sys::cloexec_from(3), "close", "descriptors");
        for (const PassedFd& fd : fds) {
            check(::dup2(fd.source, fd.number), "duplicate", "a descriptor");
        }
        ::execve(request.path.c_str(), exec_pointers(request.arguments).data(),
                 exec_pointers(request.environment).data());
        return 127;
    });
}

void remove_mapped_tree(int dir_fd, const std::string& name, const Mapping& mapping) {
    try {
        remove_tree(dir_fd, name);
        return;
    } catch (const SystemError& error) {
        if (error.code() != EACCES && error.code() != EPERM) {
            throw;
        }
    }
    const ChildProcess child = run_mapped(mapping, [&] {
        remove_tree(dir_fd, name);
        return 0;
    });
    if (wait_for(child) != 0) {
        throw Error(name, "cannot be removed: it holds files of ids that are not in your range",
                    "compare /etc/subuid with what it was when the files were made");
    }
}

} // namespace sandbox
