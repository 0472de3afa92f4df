// SPDX-License-Identifier: Apache-2.0
// Why the kernel refuses a user namespace.
#include "idmap/user_namespace_failure.hpp"

#include <fcntl.h>
#include <sys/prctl.h>

#include "base/files.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

bool setting_is(const char* path, const char* value) {
    try {
        const auto text = read_file_if_exists(AT_FDCWD, path);
        return text && trim(*text) == value;
    } catch (const SystemError&) {
        return false; // what cannot be read cannot be blamed
    }
}

struct Switch {
    const char* name;
    const char* path;
    const char* forbids; ///< to whom
    const char* enable;
};

/// Zero in any of them forbids a start. namespaces(7), "The /proc/sys/user directory".
constexpr Switch switches[] = {
    {"user.max_user_namespaces", "/proc/sys/user/max_user_namespaces", "forbidden here", "15000"},
    {"kernel.unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone",
     "forbidden to users here", "1"},
    {"user.max_mnt_namespaces", "/proc/sys/user/max_mnt_namespaces", "of no use here", "15000"},
    {"user.max_pid_namespaces", "/proc/sys/user/max_pid_namespaces", "of no use here", "15000"},
    {"user.max_net_namespaces", "/proc/sys/user/max_net_namespaces", "of no use here", "15000"},
    {"user.max_ipc_namespaces", "/proc/sys/user/max_ipc_namespaces", "of no use here", "15000"},
    {"user.max_uts_namespaces", "/proc/sys/user/max_uts_namespaces", "of no use here", "15000"},
    {"user.max_cgroup_namespaces", "/proc/sys/user/max_cgroup_namespaces", "of no use here", "15000"},
};

/// PR_GET_SECCOMP says 2 with a filter. prctl(2)
bool has_system_call_filter() {
    return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2;
}

constexpr const char* object = "user namespace";

} // namespace

bool apparmor_restricts_user_namespaces() {
    return setting_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1");
}

std::string apparmor_profile() {
    try {
        // "NAME (enforce)", or "unconfined". Other security modules have other files.
        const std::string text =
            read_file_if_exists(AT_FDCWD, "/proc/self/attr/apparmor/current").value_or("");
        const std::string_view label = trim(text);
        const auto mode = label.rfind(" (");
        return mode != std::string_view::npos && label.substr(mode) == " (enforce)"
                   ? std::string{label.substr(0, mode)}
                   : std::string{};
    } catch (const SystemError&) {
        return {}; // AppArmor is not there, or not asked
    }
}

std::optional<Error> forbidding_sysctl() {
    for (const Switch& one : switches) {
        if (setting_is(one.path, "0")) {
            return Error(object, std::string{one.forbids} + ": " + one.name + " is 0",
                         std::string{"sudo sysctl "} + one.name + "=" + one.enable);
        }
    }
    return std::nullopt;
}

Error user_namespace_failure(int code) {
    if (const auto forbidding = forbidding_sysctl()) {
        return *forbidding;
    }
    const bool is_refused = code == EPERM || code == EACCES;
    if (const std::string profile = apparmor_profile(); is_refused && !profile.empty()) {
        return Error(object, "denied by the AppArmor profile " + profile,
                     "add the rule \"userns,\" to that profile, and load it with apparmor_parser -r");
    }
    if (apparmor_restricts_user_namespaces()) {
        return Error(object, "restricted by AppArmor on this host",
                     "install sandbox's AppArmor profile, or: sudo sysctl "
                     "kernel.apparmor_restrict_unprivileged_userns=0");
    }
    if (code == ENOSPC || code == EUSERS) {
        return Error(object, "too many, or too deeply nested (" + error_text(code) + ")",
                     "see /proc/sys/user/max_user_namespaces; namespaces nest 32 deep");
    }
    // A filter answers clone3 with ENOSYS so that a C library falls back to clone.
    if (is_refused || (code == ENOSYS && has_system_call_filter())) {
        return Error(
            object, "refused by the kernel (" + error_text(code) + ")",
            "inside another sandbox: start that one with --nested; a container's seccomp profile must allow "
            "clone3 with CLONE_NEWUSER; inside a chroot no user namespace can be made");
    }
    if (code == EINVAL || code == ENOSYS) {
        return Error(object, "not supported by this kernel (" + error_text(code) + ")",
                     "Linux 5.12 or later with CONFIG_USER_NS is needed");
    }
    return SystemError(code, "make", object);
}

} // namespace sandbox
