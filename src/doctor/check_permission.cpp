// SPDX-License-Identifier: Apache-2.0
// What an administrator or a distribution forbids to plain users.
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/error.hpp"
#include "base/helper_path.hpp"
#include "doctor/checks.hpp"
#include "doctor/trial.hpp"
#include "idmap/user_namespace_failure.hpp"
#include "run/start_hints.hpp"

namespace sandbox {

namespace {

constexpr int all_namespaces =
    CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;

/// The namespaces of a start, and one use of the power in them: where AppArmor restricts them they can be
/// made, and have none.
int try_namespaces() {
    return try_in_namespaces(all_namespaces,
                             [] { return ::mount("tmpfs", "/", "tmpfs", 0, nullptr) < 0 ? errno : 0; });
}

/// The filters of containers let user namespaces be made, and know nothing of the power inside.
int try_host_name() {
    return try_in_namespaces(all_namespaces, [] {
        constexpr std::string_view name = "sandbox";
        return ::sethostname(name.data(), name.size()) < 0 ? errno : 0;
    });
}

/// The first process of a pid namespace mounts a new /proc. @return 0 or errno
int mount_proc_in_child() {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) < 0 ? errno : 0);
    }
    int status = 0;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                                   : EIO;
}

} // namespace

Finding check_user_namespaces() {
    Finding finding{"user-namespaces", Finding::State::ok, "can be made, with power inside", ""};
    if (const int failure = try_namespaces(); failure != 0) {
        const Error error = user_namespace_failure(failure);
        finding = {finding.name, Finding::State::missing, error.reason(), error.hint()};
    } else if (const int refusal = try_host_name(); refusal != 0) {
        finding = {finding.name, Finding::State::missing,
                   "can be made, but no host name be set there: " + error_text(refusal),
                   system_call_filter_hint};
    }
    return finding;
}

Finding check_proc() {
    const int failure = try_in_namespaces(all_namespaces, mount_proc_in_child);
    if (failure == 0) {
        return {"proc", Finding::State::ok, "a new /proc can be mounted", ""};
    }
    return {"proc", Finding::State::missing, "a new /proc cannot be mounted: " + error_text(failure),
            try_namespaces() == 0 ? masked_proc_hint : "see user-namespaces"};
}

Finding check_sysctls() {
    if (const auto forbidding = forbidding_sysctl()) {
        return {"sysctls", Finding::State::missing, forbidding->reason(), forbidding->hint()};
    }
    return {"sysctls", Finding::State::ok, "no setting forbids namespaces", ""};
}

Finding check_apparmor() {
    Finding finding{"apparmor", Finding::State::ok, "does not restrict user namespaces", ""};
    const std::string profile = apparmor_profile();
    if (!apparmor_restricts_user_namespaces() && profile.empty()) {
        return finding;
    }
    const std::string where =
        profile.empty() ? "restricts user namespaces" : "confines sandbox by the profile " + profile;
    if (try_namespaces() == 0) {
        finding.detail = where + ", which lets sandbox make them";
        return finding;
    }
    const std::string loader = helper_path("apparmor-profile");
    const bool has_own_profile = profile.empty() && ::access(loader.c_str(), X_OK) == 0;
    return {finding.name, Finding::State::missing, where + ", so that sandbox cannot make them",
            has_own_profile ? "sudo " + loader + " load" : user_namespace_failure(EACCES).hint()};
}

} // namespace sandbox
