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

/// PR_GET_SECCOMP says 2 with a filter. prctl(2)
bool has_system_call_filter() {
    return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2;
}

constexpr const char* object = "user namespace";

} // namespace

bool apparmor_restricts_user_namespaces() {
    return setting_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1");
}

Error user_namespace_failure(int code) {
    if (setting_is("/proc/sys/user/max_user_namespaces", "0")) {
        return Error(object, "forbidden here: user.max_user_namespaces is 0",
                     "sudo sysctl user.max_user_namespaces=15000");
    }
    if (setting_is("/proc/sys/kernel/unprivileged_userns_clone", "0")) {
        return Error(object, "forbidden to users here: kernel.unprivileged_userns_clone is 0",
                     "sudo sysctl kernel.unprivileged_userns_clone=1");
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
    if (code == EPERM || code == EACCES || (code == ENOSYS && has_system_call_filter())) {
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
