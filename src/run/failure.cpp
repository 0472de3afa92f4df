// SPDX-License-Identifier: Apache-2.0
// A child's report in words.
#include "run/failure.hpp"

#include <sys/utsname.h>

#include "base/text.hpp"
#include "idmap/user_namespace_failure.hpp"
#include "run/elf.hpp"
#include "run/fuse_overlay_helper.hpp"
#include "run/start_hints.hpp"
#include "run/tap_failure.hpp"

namespace sandbox {

namespace {

class CommandError : public Error {
  public:
    CommandError(int status, std::string_view object, std::string_view reason, std::string_view hint)
        : Error(object, reason, hint) {
        exit_status_ = status;
    }
};

[[noreturn]] void throw_exec_failure(const Report& report, const Plan& plan) {
    constexpr int not_found = 127;
    constexpr int not_executable = 126;
    const std::string name = plan.process.arguments[0];
    const std::string command = name.empty() ? "''" : printable(name);
    if (!report.found) {
        throw CommandError(
            not_found, command, "command not found in the sandbox",
            name.starts_with('-')
                ? "options come before IMAGE: what follows it is the command"
                : "its PATH decides where it is looked for; a path with a slash is taken as it is");
    }
    switch (report.code) {
        case ENOENT:
            throw CommandError(
                not_found, command, "its interpreter or dynamic loader is missing in the sandbox",
                "a program for another C library, or a script whose first line names what is not there");
        case EACCES:
            throw CommandError(not_executable, command, "permission denied",
                               "is it a file with its x bit set?");
        case ENOEXEC: {
            const std::string machine = elf_machine(report.header);
            utsname host{};
            (void)::uname(&host);
            if (!machine.empty() && machine != host.machine) {
                throw CommandError(
                    not_executable, command, "built for " + machine + ", and this host is " + host.machine,
                    "install qemu-user-static and binfmt-support (Debian), or take the image for " +
                        std::string{host.machine});
            }
            throw CommandError(not_executable, command, "not a program that the kernel can run",
                               "a script needs a first line such as #!/bin/sh");
        }
        default:
            throw CommandError(not_executable, command, error_text(report.code), {});
    }
}

Error root_failure(const Plan& plan, int code) {
    const std::string layer = plan.root.layers.count > 0 ? printable(plan.root.layers.values[0]) : "image";
    switch (plan.root.kind) {
        case RootKind::overlay:
            return SystemError(
                code, "mount an overlay on", layer,
                plan.root.upper_on_tmpfs
                    ? "a tmpfs needs Linux 6.6 for this; try --upper disk, --storage fuse or copy"
                    : "try --upper tmpfs, --storage fuse or --storage copy");
        case RootKind::fuse_overlay:
            if (code == ENOTCONN || code == ECONNABORTED) {
                return Error(fuse_overlayfs_path, "not installed, or ended at once",
                             "install the package fuse-overlayfs, or use --storage copy");
            }
            return SystemError(code, "mount with fuse-overlayfs", layer,
                               code == EACCES || code == EPERM
                                   ? "sudo chmod 0666 /dev/fuse (as udev does)"
                                   : "is /dev/fuse there? --storage copy needs nothing");
        case RootKind::bind:
        case RootKind::empty:
            break;
    }
    return SystemError(code, "make the root from", layer);
}

Error workspace_failure(const Report& report, const Plan& plan) {
    std::string workspace = "workspace";
    for (const Step& step : plan.steps) {
        workspace = step.kind == StepKind::workspace ? printable(step.source) : workspace;
    }
    return SystemError(
        report.code, "mount an overlay on", workspace,
        plan.workspace.upper_on_tmpfs
            ? "-C names a workspace on another file system, --root DIR a disk for what is written; "
              "a tmpfs can take that from Linux 6.6 on"
            : "--root DIR names a directory on another disk for what the build writes");
}

Error step_failure(const Report& report, const Plan& plan) {
    const Step& step = plan.steps.values[report.step];
    const std::string target = step.target != nullptr ? printable(step.target) : "";
    const std::string source = step.source != nullptr ? printable(step.source) : "";
    const std::string object = step.option != nullptr ? step.option : target;
    switch (static_cast<MountPhase>(report.phase)) {
        case MountPhase::source:
            if (report.code == ENOENT && object.starts_with("--tz")) {
                return UsageError(object, "no such zone in /usr/share/zoneinfo of this host");
            }
            return SystemError(report.code, "open", object + ": " + source);
        case MountPhase::changed:
            return Error(object, source + " was replaced while the sandbox started", "start it again");
        case MountPhase::on_host:
            return Error(object,
                         "there is no " + target + " to mount on, and it lies in a directory of the host",
                         "make it there first, or mount it where it is on the host, or below /tmp");
        case MountPhase::target:
            if (report.code == ELOOP) {
                return Error(object, "a symbolic link lies in the way of " + target,
                             "the image must have a plain directory there");
            }
            return SystemError(report.code, "open or make " + target + " in the sandbox", object);
        case MountPhase::mount:
            break;
    }
    if (report.code == EINVAL && step.option != nullptr && step.kind == StepKind::bind) {
        // move_mount(2) wants like on like.
        return Error(object, "a directory cannot be mounted on a file, nor a file on a directory");
    }
    if (report.code == EPERM && step.kind == StepKind::file_system && step.option == nullptr) {
        // A fresh procfs or sysfs is for those who see all of an older one. mount_too_revealing() in the
        // kernel.
        return SystemError(report.code, "mount on " + target, object, masked_proc_hint);
    }
    if (report.code == ENOSPC) {
        // Documentation of mount(2): the limit of mounts in a namespace.
        return Error(object, "too many mounts", "fs.mount-max sets the limit");
    }
    return SystemError(report.code, "mount on " + target, object);
}

Error stage_failure(const Report& report, const Plan& plan) {
    const int code = report.code;
    switch (report.stage) {
        case Stage::begin:
        case Stage::maps:
            return user_namespace_failure(code);
        case Stage::keyring:
            return SystemError(
                code, "make", "a session keyring",
                code == EDQUOT ? "kernel.keys.maxkeys is reached: /proc/key-users counts yours" : "");
        case Stage::network:
            return SystemError(code, "set up", "network", "--network none starts without one");
        case Stage::tap:
            return tap_failure(code);
        case Stage::root:
            return root_failure(plan, code);
        case Stage::step:
            return step_failure(report, plan);
        case Stage::workspace:
            return workspace_failure(report, plan);
        case Stage::hostname:
            return SystemError(code, "set", "host name", code == EPERM ? system_call_filter_hint : "");
        case Stage::pivot:
            return SystemError(code, "enter", "the new root");
        case Stage::terminal:
            return SystemError(code, "open", "the sandbox's terminal", "-T starts without one");
        case Stage::time:
            return SystemError(code, "set the clocks of a time namespace", "--time-offset",
                               code == EINVAL   ? "Linux 5.6 with CONFIG_TIME_NS is needed"
                               : code == ERANGE ? "the clocks cannot show a time before the boot"
                                                : "");
        case Stage::command:
            return SystemError(
                code, "make a process for", "command",
                code == EAGAIN ? "--pids-limit leaves no room, or your own limit: ulimit -u" : "");
        case Stage::credentials:
            return SystemError(code, "become user " + std::to_string(plan.credentials.uid), "--user");
        case Stage::limits:
            return SystemError(code, "set a resource limit", "--ulimit",
                               "ulimit -H -a shows what may be set");
        case Stage::filter:
            return code == EBUSY
                       ? Error("--seccomp log", "this sandbox runs under another one's log already",
                               "a process has one listener at most")
                       : Error(SystemError(
                             code, "load a system-call filter", "--seccomp",
                             "Linux with CONFIG_SECCOMP_FILTER is needed; --seccomp unconfined does "
                             "without"));
        case Stage::directory:
            return SystemError(code, "enter", "working directory " + printable(plan.process.directory),
                               "--workdir must name a directory inside");
        case Stage::execute:
            break;
    }
    return SystemError(code, "start", "command");
}

} // namespace

void throw_report(const Report& report, const Plan& plan) {
    if (report.stage == Stage::execute) {
        throw_exec_failure(report, plan);
    }
    const Error error = (report.code == EACCES || report.code == EPERM) && report.stage != Stage::tap &&
                                apparmor_restricts_user_namespaces()
                            ? user_namespace_failure(report.code)
                            : stage_failure(report, plan);
    throw LaunchError(error, report.stage, report.code);
}

} // namespace sandbox
