// SPDX-License-Identifier: Apache-2.0
// Filters, clocks, and what surrounds us.
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "doctor/checks.hpp"
#include "doctor/trial.hpp"

namespace sandbox {

namespace {

bool exists(const char* path) {
    return ::access(path, F_OK) == 0;
}

std::string text_of(const char* path) {
    try {
        return std::string{trim(read_file_if_exists(AT_FDCWD, path).value_or(""))};
    } catch (const SystemError&) {
        return {}; // hidden from us
    }
}

/// Every root is a mount, but a chroot's need not be. proc_pid_mountinfo(5): the fifth field.
bool root_is_a_mount() {
    const std::string mounts = text_of("/proc/self/mountinfo");
    for (const std::string_view line : split(mounts, '\n')) {
        const auto fields = split(line, ' ');
        if (fields.size() > 4 && fields[4] == "/") {
            return true;
        }
    }
    return false;
}

std::string surroundings() {
    if (!root_is_a_mount()) {
        return "inside a chroot, where no user namespace can be made";
    }
    // The innermost first: with the host's root as its image, a sandbox shows what surrounds that.
    if (text_of("/proc/1/comm") == "sandbox-init") {
        return "inside a sandbox";
    }
    // systemd's container interface; podman and docker leave files of their own.
    if (const std::string manager = text_of("/run/systemd/container"); !manager.empty()) {
        return "inside a container of " + manager;
    }
    if (exists("/run/.containerenv") || exists("/.dockerenv")) {
        return exists("/.dockerenv") ? "inside a container of docker" : "inside a container of podman";
    }
    const bool is_initial = text_of("/proc/self/uid_map").find("4294967295") != std::string::npos;
    return is_initial ? "a host" : "inside a user namespace";
}

} // namespace

Finding check_seccomp() {
    const std::uint32_t action = SECCOMP_RET_ERRNO;
    if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) {
        return {"seccomp", Finding::State::ok, "system calls can be filtered", ""};
    }
    return {"seccomp", Finding::State::missing, "system calls cannot be filtered: " + error_text(errno),
            "a kernel with CONFIG_SECCOMP_FILTER is needed"};
}

Finding check_landlock() {
    const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version > 0) {
        return {"landlock", Finding::State::ok, "ABI " + std::to_string(version), ""};
    }
    return {"landlock", Finding::State::degraded,
            "the helpers lack their second wall around files: " + error_text(errno),
            "a kernel that has landlock among its lsm= boot parameter"};
}

Finding check_time_namespace() {
    const int failure = try_in_namespaces(CLONE_NEWTIME, [] { return 0; });
    if (failure == 0) {
        return {"time-namespace", Finding::State::ok, "--time-offset works", ""};
    }
    return {"time-namespace", Finding::State::degraded, "--time-offset does not work: " + error_text(failure),
            "a kernel of 5.6 or later with CONFIG_TIME_NS"};
}

Finding check_surroundings() {
    return {"surroundings", Finding::State::ok, surroundings(), ""};
}

} // namespace sandbox
