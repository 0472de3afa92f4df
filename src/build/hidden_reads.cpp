// SPDX-License-Identifier: Apache-2.0
// Names read out of the memory of whoever asks for them.
#include "build/hidden_reads.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "build/directory.hpp"
#include "linux/seccomp.hpp"

namespace sandbox {

namespace {

constexpr std::uint32_t calls[] = {SYS_openat, SYS_openat2, SYS_execve,
#ifdef SYS_open
                                   SYS_open
#endif
};

constexpr sock_filter instruction(std::uint16_t code, std::uint8_t if_true, std::uint8_t if_false,
                                  std::uint32_t value) {
    return {code, if_true, if_false, value};
}

constexpr auto make_program() {
    constexpr std::size_t count = std::size(calls);
    std::array<sock_filter, count + 5> program{};
    constexpr auto ends = static_cast<std::uint8_t>(count); // how far the last two lie from the first call
    program[0] = instruction(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, arch));
    program[1] = instruction(BPF_JMP | BPF_JEQ | BPF_K, 0, ends + 1, native_architecture);
    program[2] = instruction(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr));
    for (std::size_t i = 0; i < count; ++i) {
        program[3 + i] =
            instruction(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint8_t>(count - i), 0, calls[i]);
    }
    program[3 + count] = instruction(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    program[4 + count] = instruction(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF);
    return program;
}

constexpr auto program = make_program();

/// A path in the memory of another process: up to its NUL, at most PATH_MAX bytes. What lies behind the end
/// of a page may not be there.
std::optional<std::string> read_path(pid_t pid, std::uint64_t address) {
    constexpr std::uint64_t page = 4096;
    std::string path;
    while (path.size() < PATH_MAX) {
        char bytes[page];
        const std::uint64_t from = address + path.size();
        const iovec here{bytes, static_cast<std::size_t>(page - from % page)};
        // An address of theirs, never followed here.
        const iovec there{reinterpret_cast<void*>(from), here.iov_len}; // NOLINT(performance-no-int-to-ptr)
        const ssize_t got = ::process_vm_readv(pid, &here, 1, &there, 1, 0);
        if (got <= 0) {
            return std::nullopt;
        }
        const auto length = ::strnlen(bytes, static_cast<std::size_t>(got));
        path.append(bytes, length);
        if (length < static_cast<std::size_t>(got)) {
            return path;
        }
    }
    return std::nullopt;
}

/// What a directory is called inside. proc(5), /proc/PID/cwd and fd
std::string directory_of(pid_t pid, int directory) {
    const std::string link = "/proc/" + std::to_string(pid) +
                             (directory == AT_FDCWD ? "/cwd" : "/fd/" + std::to_string(directory));
    char path[PATH_MAX];
    const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
    return length < 0 ? "" : std::string(path, static_cast<std::size_t>(length));
}

/// By its components alone: links are not followed.
std::string plain(const std::string& path) {
    std::vector<std::string_view> kept;
    for (const std::string_view name : split(path, '/')) {
        if (name == ".." && !kept.empty()) {
            kept.pop_back();
        } else if (name != ".." && name != "." && !name.empty()) {
            kept.push_back(name);
        }
    }
    std::string result;
    for (const std::string_view name : kept) {
        result += "/" + std::string{name};
    }
    return result;
}

} // namespace

HiddenReads::HiddenReads(std::string place, int workspace, const ShownPart& shown)
    : place_(std::move(place)), workspace_(workspace), shown_(shown) {}

std::span<const sock_filter> HiddenReads::filter() {
    return program;
}

bool HiddenReads::is_hidden(const std::string& path) const {
    const auto status = status_below(workspace_, path);
    return status && !shown_.shows(path, S_ISDIR(status->st_mode));
}

void HiddenReads::look_at(const seccomp_notif& call) {
    const bool by_descriptor = call.data.nr == SYS_openat || call.data.nr == SYS_openat2;
    const int directory = by_descriptor ? static_cast<int>(call.data.args[0]) : AT_FDCWD;
    const auto pid = static_cast<pid_t>(call.pid);
    const auto path = read_path(pid, call.data.args[by_descriptor ? 1 : 0]);
    if (!path || path->empty() || !listener_.still_waits(call)) {
        return;
    }
    const std::string whole =
        plain(path->starts_with('/') ? *path : directory_of(pid, directory) + "/" + *path);
    if (whole.starts_with(place_ + "/") && is_hidden(whole.substr(place_.size() + 1))) {
        paths_.insert(whole.substr(place_.size() + 1));
    }
}

void HiddenReads::serve(const pollfd& ready) {
    listener_.serve(ready, [this](const seccomp_notif& call) { look_at(call); });
}

} // namespace sandbox
