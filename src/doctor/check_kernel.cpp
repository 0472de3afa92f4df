// SPDX-License-Identifier: Apache-2.0
// Filters, limits, clocks, and what surrounds us.
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "doctor/checks.hpp"
#include "doctor/trial.hpp"

namespace sandbox {

namespace {

constexpr long cgroup2_magic = 0x63677270; // statfs(2)

/// The caller's place in the v2 hierarchy: the line "0::PATH". cgroups(7).
std::string own_cgroup() {
    const auto text = read_file_if_exists(AT_FDCWD, "/proc/self/cgroup").value_or("");
    for (const std::string_view line : split(text, '\n')) {
        if (line.starts_with("0::")) {
            return std::string{line.substr(3)};
        }
    }
    return "";
}

bool exists(const char* path) {
    return ::access(path, F_OK) == 0;
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

Finding check_cgroups() {
    Finding finding{"cgroups", Finding::State::degraded, "", ""};
    struct statfs status {};
    if (::statfs("/sys/fs/cgroup", &status) < 0 || status.f_type != cgroup2_magic) {
        finding.detail = "no unified cgroup v2 hierarchy on /sys/fs/cgroup: no limits";
        finding.fix = "boot with systemd.unified_cgroup_hierarchy=1";
        return finding;
    }
    const std::string directory = "/sys/fs/cgroup" + own_cgroup();
    if (::access((directory + "/cgroup.procs").c_str(), W_OK) < 0 || ::access(directory.c_str(), W_OK) < 0) {
        finding.detail = "no cgroup is delegated to this process: no limits from here";
        finding.fix = "start from a systemd user session, or by systemd-run --user --scope -p Delegate=yes";
        return finding;
    }
    const auto controllers = read_file_if_exists(AT_FDCWD, directory + "/cgroup.controllers");
    const std::string names{trim(controllers.value_or(""))};
    for (const char* wanted : {"memory", "cpu", "pids"}) {
        const auto words = split(names, ' ');
        if (std::find(words.begin(), words.end(), wanted) == words.end()) {
            finding.detail += (finding.detail.empty() ? "" : ", ") + std::string{wanted};
        }
    }
    if (!finding.detail.empty()) {
        finding.detail = "delegated without: " + finding.detail;
        finding.fix = "systemctl edit user@.service: [Service] Delegate=cpu cpuset io memory pids";
        return finding;
    }
    return {finding.name, Finding::State::ok, "delegated: " + names, ""};
}

Finding check_surroundings() {
    if (exists("/run/.containerenv") || exists("/.dockerenv")) {
        return {"surroundings", Finding::State::ok, "inside a container", ""};
    }
    const auto map = read_file_if_exists(AT_FDCWD, "/proc/self/uid_map").value_or("");
    const bool initial = map.find("4294967295") != std::string::npos;
    return {"surroundings", Finding::State::ok, initial ? "a host" : "inside a user namespace", ""};
}

} // namespace sandbox
