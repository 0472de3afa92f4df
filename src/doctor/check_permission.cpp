// SPDX-License-Identifier: Apache-2.0
// What an administrator or a distribution forbids to plain users.
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/helper_path.hpp"
#include "doctor/checks.hpp"
#include "doctor/trial.hpp"
#include "idmap/user_namespace_failure.hpp"

namespace sandbox {

namespace {

/// The namespaces of a start, and one use of the power in them: where AppArmor restricts them they can be
/// made, and have none.
int try_namespaces() {
    constexpr int flags =
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;
    return try_in_namespaces(flags,
                             [] { return ::mount("tmpfs", "/", "tmpfs", 0, nullptr) < 0 ? errno : 0; });
}

} // namespace

Finding check_user_namespaces() {
    const int failure = try_namespaces();
    if (failure == 0) {
        return {"user-namespaces", Finding::State::ok, "can be made, with power inside", ""};
    }
    const Error error = user_namespace_failure(failure);
    return {"user-namespaces", Finding::State::missing, error.reason(), error.hint()};
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
