// SPDX-License-Identifier: Apache-2.0
// The walls around the process that parses what strangers made.
#include "unpack/confine.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "linux/capabilities.hpp"
#include "linux/confine.hpp"
#include "linux/seccomp.hpp"
#include "linux/syscalls.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

namespace {

/// Found with strace -f over the tests' archives, under glibc 2.36; grouped by who needs them.
constexpr int allowed_calls[] = {
    // the archive and the report
    SYS_read,
    SYS_write,
    SYS_close,
    SYS_lseek,
    SYS_pread64,
    SYS_fstat,
    SYS_newfstatat,
    SYS_fcntl,
    // the tree, tree_writer.cpp; the path variants of some are what glibc uses for the others on this or that
    // architecture
    SYS_openat2,
    SYS_openat,
    SYS_mkdirat,
    SYS_mknodat,
    SYS_symlinkat,
    SYS_linkat,
    SYS_unlinkat,
    SYS_renameat,
    SYS_renameat2,
    SYS_pwrite64,
    SYS_ftruncate,
    SYS_fchown,
    SYS_fchownat,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fsetxattr,
    SYS_fremovexattr,
    SYS_utimensat,
    SYS_getdents64,
    // an export, export.cpp
    SYS_readlinkat,
    SYS_fgetxattr,
    SYS_flistxattr,
    // memory: glibc's malloc, liblzma, libzstd
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    // threads (load_allow_list() lets SYS_clone make nothing else), and waiting for a pipe
    SYS_clone,
    SYS_clone3,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_sched_getaffinity,
    SYS_eventfd2,
    SYS_ppoll,
#if defined(SYS_poll)
    SYS_poll,
#endif
    // glibc and libstdc++: locks, time, stack protector's failure, exit
    SYS_futex,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_getpid,
    SYS_gettid,
    SYS_tgkill,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_writev,
    SYS_sched_yield,
    SYS_exit,
    SYS_exit_group,
#if defined(__SANITIZE_ADDRESS__)
    // the sanitizers test an address by writing it to a pipe, and look at themselves to report
    SYS_pipe2,
    SYS_sigaltstack,
    SYS_prlimit64,
#if defined(SYS_pipe)
    SYS_pipe,
#endif
#endif
};

/// What is needed over files; the rest of what id 0 of a user namespace has is given up.
constexpr CapabilityMask kept_capabilities = capability_bit(CAP_CHOWN) | capability_bit(CAP_DAC_OVERRIDE) |
                                             capability_bit(CAP_FOWNER) | capability_bit(CAP_FSETID) |
                                             capability_bit(CAP_SETFCAP);

/// A second layer of Landlock, which allows block devices and sockets nowhere; character devices are left to
/// the kernel, which lets nobody here make any but whiteouts. Hard links across directories must be named
/// again: a layer that does not handle this right denies it. landlock(7), LANDLOCK_ACCESS_FS_REFER.
void forbid_devices_and_sockets() {
    landlock_ruleset_attr attributes{};
    attributes.handled_access_fs =
        LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER;
    const UniqueFd rules{static_cast<int>(check(
        ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0), "make Landlock rules"))};
    const UniqueFd root{check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/")};
    landlock_path_beneath_attr below_root{};
    below_root.parent_fd = root.get();
    below_root.allowed_access = LANDLOCK_ACCESS_FS_REFER;
    check(::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &below_root, 0),
          "add a Landlock rule");
    check(::syscall(SYS_landlock_restrict_self, rules.get(), 0), "apply Landlock rules");
}

/// Landlock before its second version (Linux 5.19) forbids hard links across directories, whatever the rules.
bool landlock_allows_links() {
    return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 2;
}

bool is_directory(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

void limit_resources() {
    // Each arena reserves 64 MiB of address space, and the threads here allocate little. mallopt(3)
    (void)::mallopt(M_ARENA_MAX, 1);
    // Nor is memory given back that the next file asks for again: the kernel would clear each of its pages
    // anew.
    constexpr int kept = 16 << 20;
    (void)::mallopt(M_MMAP_THRESHOLD, kept);
    (void)::mallopt(M_TRIM_THRESHOLD, kept);
    // Nor what the caller's `ulimit -s` says, which may be all that there is. pthread_create(3)
    pthread_attr_t threads;
    if (::pthread_attr_init(&threads) == 0) {
        (void)::pthread_attr_setstacksize(&threads,
                                          limits::thread_stack_bytes); // fails for absurd sizes alone
        (void)::pthread_setattr_default_np(&threads);
        (void)::pthread_attr_destroy(&threads);
    }
#if !defined(__SANITIZE_ADDRESS__) // its shadow memory takes terabytes of address space
    limit_memory(limits::address_space);
#endif
    // The caller's limit on the size of files is for files of its own. It may not be ours to raise: then a
    // longer file fails with EFBIG, since SIGXFSZ is ignored.
    rlimit size{};
    if (::getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur != size.rlim_max) {
        size.rlim_cur = size.rlim_max;
        check(::setrlimit(RLIMIT_FSIZE, &size), "raise the limit on file size");
    }
}

} // namespace

void keep_only_own_descriptors() {
    check(::fcntl(archive_fd, F_GETFD), "use descriptor 0 (the archive)");
    check(::fcntl(report_fd, F_GETFD), "use descriptor 3 (the report pipe)");
    UniqueFd null{check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null")};
    check(::dup2(null.get(), STDOUT_FILENO), "redirect", "stdout");
    if (::fcntl(STDERR_FILENO, F_GETFD) < 0) {
        check(::dup2(null.get(), STDERR_FILENO), "redirect", "stderr");
    }
    (void)null.release(); // it may have taken number 1 or 2; else the next line closes it
    check(sys::close_from(report_fd + 1), "close other descriptors");
}

void keep_export_descriptors(int layers) {
    for (int fd = report_fd; fd < first_layer_fd + layers; ++fd) {
        check(::fcntl(fd, F_GETFD), "use the descriptors from 3 on (the report pipe, the layers)");
    }
    check(::fcntl(STDOUT_FILENO, F_GETFD), "use descriptor 1 (the archive)");
    const UniqueFd null{check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null")};
    check(::dup2(null.get(), STDIN_FILENO), "redirect", "stdin");
    check(sys::close_from(static_cast<unsigned>(first_layer_fd + layers)), "close other descriptors");
}

namespace {

/// What both kinds of work have in common, once the root has changed.
void give_up_the_host(CapabilityMask kept) {
    check(::unshare(CLONE_NEWNET | CLONE_NEWIPC), "leave the network");
    limit_resources();
    check(limit_capability_bounds(0), "empty the capability bounding set");
    check(set_capabilities(kept, kept, 0), "give up capabilities");
}

void ignore_signals_of_writing() {
    // Their default is to kill; a failed write says the same and can be reported.
    (void)::signal(SIGPIPE, SIG_IGN);
    (void)::signal(SIGXFSZ, SIG_IGN);
}

} // namespace

void confine(const std::string& directory) {
    (void)::umask(0); // modes are the archive's
    ignore_signals_of_writing();
    enter_root(directory);
    // From here on the root is the directory to fill.
    give_up_the_host(kept_capabilities);
    const int layout = archive_fd;
    const std::span readable{&layout, is_directory(layout) ? std::size_t{1} : 0};
    if (landlock_allows_links() && landlock_restrict(true, readable)) {
        forbid_devices_and_sockets();
    }
    check(load_allow_list(allowed_calls), "load the system-call filter");
}

void confine_export(std::span<const int> layers) {
    ignore_signals_of_writing();
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) { // a directory of a hundred layers takes a hundred
        files.rlim_cur = files.rlim_max;
        check(::setrlimit(RLIMIT_NOFILE, &files), "raise the limit on descriptors");
    }
    // By its name: the descriptor is of a mount of the old namespace, which cannot be bound in the new one.
    std::string root(PATH_MAX, '\0');
    const std::string link = "/proc/self/fd/" + std::to_string(layers.front());
    root.resize(static_cast<std::size_t>(
        check(::readlink(link.c_str(), root.data(), root.size()), "read the link", link)));
    enter_root(root);
    // From here on no name leads anywhere but into the uppermost layer; the others are known by descriptor.
    give_up_the_host(capability_bit(CAP_DAC_READ_SEARCH));
    (void)landlock_restrict(false, layers);
    check(load_allow_list(allowed_calls), "load the system-call filter");
}

} // namespace sandbox::unpack
