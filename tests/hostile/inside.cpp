// SPDX-License-Identifier: Apache-2.0
// The prisoner: run inside, as root where there is one, it tries each way out and reports. Linked statically,
// so that it runs in any image.
//
//   inside HOST-PID HOST-PORT ABSTRACT-NAME HOST-FILE READ-ONLY-MOUNT
//   inside --keys DESCRIPTION KEY     only the keyrings: for a key of the caller's session
//   One line an attempt: "held NAME: errno" or "ESCAPED NAME: what was reached". Status 1 when anything
//   escaped.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

int escapes = 0;

/// Tells of an attempt that must fail: a result that is not negative got through.
void must_fail(const std::string& name, long result) {
    const int code = errno;
    if (result >= 0) {
        ++escapes;
        std::printf("ESCAPED %s: %ld\n", name.c_str(), result);
    } else {
        std::printf("held %s: %s\n", name.c_str(), std::strerror(code));
    }
}

void must_hold(const std::string& name, bool held, const char* otherwise) {
    escapes += held ? 0 : 1;
    std::printf("%s %s: %s\n", held ? "held" : "ESCAPED", name.c_str(), held ? "as it should" : otherwise);
}

long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
    return ::syscall(number, a, b, c, d, e, f);
}

long address(const void* pointer) {
    return reinterpret_cast<long>(pointer);
}

void try_open(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK);
    must_fail("open " + path + ((flags & O_ACCMODE) == O_RDONLY ? " to read" : " to write"), fd);
    (void)::close(fd);
}

void try_processes(int host_pid) {
    must_fail("signal a process of the host", ::kill(host_pid, 0));
    must_fail("pidfd of a process of the host", call(SYS_pidfd_open, host_pid));
    must_fail("trace init", ::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr));
    char byte = 0;
    iovec here{&byte, 1};
    iovec there{reinterpret_cast<void*>(0x400000), 1};
    must_fail("read init's memory", ::process_vm_readv(1, &here, 1, &there, 1, 0));
    must_fail("write init's memory", ::process_vm_writev(1, &here, 1, &there, 1, 0));
    const long init = call(SYS_pidfd_open, 1);
    must_fail("take a descriptor from init", call(SYS_pidfd_getfd, init, 0, 0));
    must_fail("enter init's namespaces by pidfd", call(SYS_setns, init, CLONE_NEWNS | CLONE_NEWPID));
    for (const char* file :
         {"mem", "environ", "auxv", "maps", "root/etc/passwd", "cwd/etc/passwd", "ns/mnt", "ns/user"}) {
        try_open(std::string{"/proc/1/"} + file, O_RDONLY);
    }
    try_open("/proc/1/exe", O_RDONLY);
    try_open("/proc/1/mem", O_RDWR);
    must_hold("init survives SIGKILL from inside", ::kill(1, SIGKILL) == 0 || errno == EPERM,
              "it cannot be named");
}

void try_mounts(const char* read_only_mount) {
    must_fail("mount a tmpfs", ::mount("none", "/tmp", "tmpfs", 0, nullptr));
    must_fail("bind", ::mount("/", "/tmp", nullptr, MS_BIND, nullptr));
    must_fail("remount a read-only mount",
              ::mount(nullptr, read_only_mount, nullptr, MS_REMOUNT | MS_BIND, nullptr));
    must_fail("uncover what is hidden", ::umount2("/proc/keys", MNT_DETACH));
    must_fail("fresh proc", ::mount("proc", "/proc", "proc", 0, nullptr));
    must_fail("fsopen", call(SYS_fsopen, address("tmpfs")));
    must_fail("open_tree", call(SYS_open_tree, AT_FDCWD, address("/"), 1));
    must_fail("move_mount", call(SYS_move_mount, AT_FDCWD, address("/tmp"), AT_FDCWD, address("/tmp")));
    must_fail("mount_setattr", call(SYS_mount_setattr, AT_FDCWD, address(read_only_mount)));
    must_fail("pivot_root", call(SYS_pivot_root, address("/tmp"), address("/tmp")));
    try_open(std::string{read_only_mount} + "/planted", O_WRONLY | O_CREAT);
}

void try_namespaces() {
    must_fail("unshare a user namespace", ::unshare(CLONE_NEWUSER));
    must_fail("unshare a mount namespace", ::unshare(CLONE_NEWNS));
    must_fail("unshare a time namespace", ::unshare(0x80));
    for (const unsigned flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET}) {
        const long pid = call(SYS_clone, static_cast<long>(flag | SIGCHLD));
        if (pid == 0) {
            ::_exit(0);
        }
        must_fail("clone with a namespace", pid);
        // The kernel takes the lower half alone; so must the filter.
        const long hidden = call(SYS_clone, static_cast<long>(flag | SIGCHLD | 0x700000000UL));
        if (hidden == 0) {
            ::_exit(0);
        }
        must_fail("clone with a namespace and a full upper half", hidden);
    }
    must_fail("clone3", call(SYS_clone3, 0, 0));
    const int own = ::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    must_fail("setns", ::setns(own, 0));
    (void)::close(own);
}

/// As old as chroot(2): out by a descriptor that was open before.
void try_chroot() {
    struct stat before {};
    struct stat after {};
    (void)::stat("/", &before);
    const int top = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)::mkdir("/tmp/jail", 0700);
    if (::chroot("/tmp/jail") == 0) {
        (void)!::fchdir(top);
        for (int i = 0; i < 64; ++i) {
            (void)!::chdir("..");
        }
        (void)!::chroot(".");
    }
    (void)::stat("/", &after);
    (void)::close(top);
    must_hold("chroot leads no further than the sandbox's root",
              before.st_ino == after.st_ino && before.st_dev == after.st_dev, "another root");
}

void try_files(const char* host_file) {
    try_open(host_file, O_RDONLY);
    try_open(std::string{"/proc/self/root/../.."} + host_file, O_RDONLY);
    try_open(std::string{"/proc/self/cwd/../../../../../.."} + host_file, O_RDONLY);
    for (const char* path : {"/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/kvm", "/dev/fuse", "/dev/net/tun"}) {
        try_open(path, O_RDWR);
    }
    for (const char* path : {"/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern",
                             "/proc/sys/kernel/modprobe", "/proc/sys/vm/overcommit_memory",
                             "/sys/kernel/uevent_helper", "/sys/power/state", "/sys/fs/cgroup/release_agent",
                             "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"}) {
        try_open(path, O_WRONLY);
    }
    for (const dev_t device : {::makedev(1, 1), ::makedev(8, 0)}) {
        (void)::unlink("/tmp/node");
        must_fail("make a device", ::mknod("/tmp/node", S_IFCHR | 0600, device));
    }
    struct {
        unsigned bytes = 8;
        int type = 1;
        unsigned char handle[8] = {2};
    } handle;
    const int mount = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must_fail("open_by_handle_at", call(SYS_open_by_handle_at, mount, address(&handle), O_RDONLY));
    (void)::close(mount);
}

void try_descriptors() {
    int extra = 0;
    DIR* const directory = ::opendir("/proc/self/fd");
    for (const dirent* entry = ::readdir(directory); entry != nullptr; entry = ::readdir(directory)) {
        const int fd = std::atoi(entry->d_name);
        extra += fd > 2 && fd != ::dirfd(directory) ? 1 : 0;
    }
    (void)::closedir(directory);
    must_hold("no descriptor was left open", extra == 0, "there are some");
}

#ifdef __x86_64__
/// In a process of its own: a kernel without that door ends who knocks.
bool passes_by_i386() {
    const pid_t child = ::fork();
    if (child == 0) {
        long result = 0;
        // mount(2) is number 21 of i386. The pointers' lower halves lead nowhere; the filter comes first.
        asm volatile("int $0x80" : "=a"(result) : "a"(21), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0) : "memory");
        ::_exit(result == -EPERM || result == -ENOSYS ? 0 : 1);
    }
    int status = 0;
    (void)::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) != 0;
}
#endif

void try_kernel() {
    char buffer[4096] = {};
    must_fail("init_module", call(SYS_init_module, address(buffer), 1, address("")));
    must_fail("finit_module", call(SYS_finit_module, 0, address(""), 0));
    must_fail("delete_module", call(SYS_delete_module, address("nothing"), 0));
    must_fail("kexec_load", call(SYS_kexec_load, 0, 0, 0, 0));
    must_fail("bpf", call(SYS_bpf, 0, address(buffer), 120));
    must_fail("perf_event_open", call(SYS_perf_event_open, address(buffer), 0, -1, -1, 0));
    must_fail("userfaultfd", call(SYS_userfaultfd, 0));
    must_fail("io_uring_setup", call(SYS_io_uring_setup, 1, address(buffer)));
    must_fail("keyctl", call(SYS_keyctl, 0, -3, 0)); // KEYCTL_GET_KEYRING_ID of the session
    must_fail("add_key", call(SYS_add_key, address("user"), address("x"), address("y"), 1, -3));
    must_fail("request_key", call(SYS_request_key, address("user"), address("x"), 0, 0));
    must_fail("syslog", call(SYS_syslog, 3, address(buffer), sizeof buffer));
    must_fail("swapon", call(SYS_swapon, address("/tmp/none"), 0));
    must_fail("acct", call(SYS_acct, 0));
    must_fail("settimeofday", call(SYS_settimeofday, 0, address(buffer)));
    must_fail("reboot", call(SYS_reboot, 0xfee1dead, 672274793, 0)); // turns Ctrl-Alt-Del off, no more
    must_fail("personality", call(SYS_personality, 0x0400000));      // READ_IMPLIES_EXEC
    must_fail("fanotify_init", call(SYS_fanotify_init, 0, 0));
    must_fail("an AF_VSOCK socket", ::socket(40, SOCK_STREAM, 0));
    must_fail("an AF_ALG socket", ::socket(38, SOCK_SEQPACKET, 0));
    must_fail("a packet socket", ::socket(AF_PACKET, SOCK_RAW, 0));
#ifdef __x86_64__
    must_fail("iopl", call(SYS_iopl, 3));
    must_fail("x32", call(0x40000000 + SYS_getpid));
    must_hold("mount through i386's door", !passes_by_i386(), "it got past the filter");
#endif
}

void try_terminal() {
    char letter = 'x';
    must_fail("TIOCSTI", ::ioctl(0, TIOCSTI, &letter));
    must_fail("TIOCSTI with a full upper half", call(SYS_ioctl, 0, 0x100000000L | TIOCSTI, address(&letter)));
    char command[2] = {2, 0};
    must_fail("TIOCLINUX", ::ioctl(0, TIOCLINUX, command));
    const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal >= 0) {
        must_fail("TIOCSTI on /dev/tty", ::ioctl(terminal, TIOCSTI, &letter));
        (void)::close(terminal);
    }
}

void try_network(int port, const char* abstract_name) {
    const int stream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in host{};
    host.sin_family = AF_INET;
    host.sin_port = htons(static_cast<std::uint16_t>(port));
    host.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must_fail("the host's loopback", ::connect(stream, reinterpret_cast<sockaddr*>(&host), sizeof host));
    (void)::close(stream);
    const int local = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::size_t length = std::strlen(abstract_name);
    std::memcpy(name.sun_path + 1, abstract_name, length);
    must_fail("an abstract socket of the host's",
              ::connect(local, reinterpret_cast<sockaddr*>(&name),
                        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length)));
    (void)::close(local);
}

void try_privileges() {
    must_hold("CAP_SYS_ADMIN is out of the bounding set", ::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 0,
              "it is not");
    must_hold("no_new_privs", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "it is not set");
    must_fail("an ambient capability", ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0));
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct all[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};
    must_fail("every capability by capset", call(SYS_capset, address(&header), address(all)));
    // Version 2 of a file's capabilities, effective, CAP_SYS_ADMIN: capabilities(7), "File capability
    // extended attribute versioning".
    const std::uint32_t attribute[5] = {0x02000001, 1U << CAP_SYS_ADMIN, 0, 0, 0};
    const int program = ::open("/tmp/gains", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    const int self = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char block[65536];
    for (ssize_t got = ::read(self, block, sizeof block); got > 0; got = ::read(self, block, sizeof block)) {
        (void)!::write(program, block, static_cast<std::size_t>(got));
    }
    (void)::close(self);
    (void)::close(program);
    const bool marked = ::setxattr("/tmp/gains", "security.capability", attribute, sizeof attribute, 0) == 0;
    const pid_t child = ::fork();
    if (child == 0) {
        ::execl("/tmp/gains", "gains", "--tell", nullptr);
        ::_exit(126); // the kernel may refuse what it cannot grant
    }
    int status = 0;
    (void)::waitpid(child, &status, 0);
    must_hold(marked ? "a file with CAP_SYS_ADMIN gives none" : "a file cannot be marked with CAP_SYS_ADMIN",
              !WIFEXITED(status) || WEXITSTATUS(status) != 42, "it did");
}

/// What a key in the caller's session keyring holds: by name, by number, by linking it to a keyring of ours.
void try_keys(const char* description, long key) {
    char buffer[256] = {};
    must_fail("find the caller's key", call(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING,
                                            address("user"), address(description), 0));
    must_fail("request the caller's key", call(SYS_request_key, address("user"), address(description), 0, 0));
    must_fail("read the caller's key", call(SYS_keyctl, KEYCTL_READ, key, address(buffer), sizeof buffer));
    must_fail("link the caller's key", call(SYS_keyctl, KEYCTL_LINK, key, KEY_SPEC_PROCESS_KEYRING));
    must_fail("revoke the caller's key", call(SYS_keyctl, KEYCTL_REVOKE, key));
    must_fail("open the caller's key to all", call(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f3f3f3fL));
    must_fail("change the caller's key", call(SYS_keyctl, KEYCTL_UPDATE, key, address("x"), 1));
    must_fail("take the parent's session keyring",
              call(SYS_keyctl, KEYCTL_SESSION_TO_PARENT) >= 0 &&
                      call(SYS_keyctl, KEYCTL_READ, key, address(buffer), sizeof buffer) >= 0
                  ? 0
                  : -1);
    must_hold("the caller's key was not read", buffer[0] == 0, buffer);
}

/// In the copy that was marked: 42 tells that it has the capability.
int tell() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    (void)call(SYS_capget, address(&header), address(data));
    return (data[0].permitted >> CAP_SYS_ADMIN & 1U) != 0 ? 42 : 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc == 4 && std::strcmp(argv[1], "--keys") == 0) {
        try_keys(argv[2], std::atol(argv[3]));
        return escapes == 0 ? 0 : 1;
    }
    if (argc == 2) {
        return tell();
    }
    if (argc != 6) {
        std::printf("usage: inside HOST-PID HOST-PORT ABSTRACT-NAME HOST-FILE READ-ONLY-MOUNT\n");
        return 2;
    }
    (void)::setvbuf(stdout, nullptr, _IOLBF, 0);
    try_descriptors();
    try_processes(std::atoi(argv[1]));
    try_mounts(argv[5]);
    try_namespaces();
    try_files(argv[4]);
    try_kernel();
    try_terminal();
    try_network(std::atoi(argv[2]), argv[3]);
    try_privileges();
    try_chroot();
    return escapes == 0 ? 0 : 1;
}
