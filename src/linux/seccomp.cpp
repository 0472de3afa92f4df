// SPDX-License-Identifier: Apache-2.0
// Builds a linear classic-BPF program: helpers make few kinds of calls, so a tree would gain nothing.
#include "linux/seccomp.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace sandbox {

namespace {

constexpr std::uint32_t x32_bit = 0x40000000;
constexpr std::size_t max_calls = 200;

constexpr sock_filter statement(std::uint16_t code, std::uint32_t k) noexcept {
    return {code, 0, 0, k};
}
constexpr sock_filter jump(std::uint16_t code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) noexcept {
    return {code, yes, no, k};
}

/// @return what seccomp(2) answers: 0, or the listener that SECCOMP_FILTER_FLAG_NEW_LISTENER asks for
int load(const sock_filter* instructions, unsigned short count, unsigned flags) noexcept {
    // The kernel only reads them. seccomp(2)
    const sock_fprog filter{count, const_cast<sock_filter*>(instructions)};
    return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter));
}

} // namespace

int load_filter(const sock_filter* instructions, std::size_t count) noexcept {
    return load(instructions, static_cast<unsigned short>(count), 0);
}

int load_reporting_filter(const sock_filter* instructions, std::size_t count) noexcept {
    return load(instructions, static_cast<unsigned short>(count), SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

int load_allow_list(std::span<const int> allowed, SocketDomains domains) noexcept {
    if (allowed.size() > max_calls) {
        errno = E2BIG;
        return -1;
    }
    sock_filter program[2 * max_calls + 16];
    unsigned short length = 0;
    const auto emit = [&](sock_filter instruction) { program[length++] = instruction; };

    emit(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
    emit(jump(BPF_JMP | BPF_JEQ | BPF_K, native_architecture, 1, 0));
    emit(statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    emit(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    emit(jump(BPF_JMP | BPF_JGE | BPF_K, x32_bit, 0, 1));
    emit(statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    for (const int call : allowed) {
        if (call == SYS_socket) {
            // The domain is the first argument. Little-endian: the low half first.
            const std::uint32_t third = domains == SocketDomains::internet ? AF_INET : AF_UNIX;
            emit(jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 6));
            emit(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)));
            emit(jump(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0));
            emit(jump(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0));
            emit(jump(BPF_JMP | BPF_JEQ | BPF_K, third, 0, 1));
            emit(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
            emit(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
            continue;
        }
        if (call == SYS_clone) {
            // Threads only. The flags' low half comes first, as above. clone(2)
            emit(jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 4));
            emit(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)));
            emit(jump(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1));
            emit(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
            emit(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
            continue;
        }
        // clone3's flags cannot be seen from here: libc is told to fall back on clone.
        const std::uint32_t answer = call == SYS_clone3 ? SECCOMP_RET_ERRNO | ENOSYS : SECCOMP_RET_ALLOW;
        emit(jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
        emit(statement(BPF_RET | BPF_K, answer));
    }
    emit(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));

    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -1;
    }
    return load(program, length, 0);
}

} // namespace sandbox
