// SPDX-License-Identifier: Apache-2.0
// Checks of --device and --ulimit against the host.
#include "preflight.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.hpp"

namespace sandbox {

namespace {

void check_device(const DeviceMount& device) {
    struct stat status {};
    if (::stat(device.source.c_str(), &status) < 0) {
        throw SystemError(errno, "use", device.option);
    }
    if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) {
        throw UsageError(device.option, "not a device", "files and directories are bound with --volume");
    }
    if (::access(device.source.c_str(), R_OK) < 0 && ::access(device.source.c_str(), W_OK) < 0) {
        throw SystemError(errno, "use", device.option, "its group may: id shows yours");
    }
}

/// Whoever has CAP_SYS_RESOURCE on the host lacks it in the sandbox's user namespace, where limits are set.
void check_limit(const ResourceLimit& limit) {
    rlimit now{};
    check(::getrlimit(static_cast<__rlimit_resource>(limit.resource), &now), "read", limit.option);
    if (limit.hard > now.rlim_max) {
        throw UsageError(limit.option, "above your own hard limit, " + std::to_string(now.rlim_max),
                         "the administrator raises it: limits.conf(5), or Limit...= of systemd.exec(5)");
    }
}

} // namespace

std::vector<CgroupSetting> device_rate_settings(const std::vector<DeviceRate>& rates) {
    std::vector<CgroupSetting> settings;
    for (const DeviceRate& rate : rates) {
        struct stat status {};
        if (::stat(rate.device.c_str(), &status) < 0) {
            throw SystemError(errno, "use", rate.option);
        }
        if (!S_ISBLK(status.st_mode)) {
            throw UsageError(rate.option, "not a block device",
                             "lsblk lists the disks; a partition will not do");
        }
        // What is not named in a line stays as it is. cgroup-v2, io.max.
        settings.push_back({"io", "io.max",
                            std::to_string(major(status.st_rdev)) + ":" +
                                std::to_string(minor(status.st_rdev)) + (rate.write ? " wbps=" : " rbps=") +
                                std::to_string(rate.bytes_per_second),
                            rate.option});
    }
    return settings;
}

void check_confinement(const Spec& spec) {
    for (const DeviceMount& device : spec.sandbox.devices) {
        check_device(device);
    }
    (void)device_rate_settings(spec.sandbox.limits.device_rates); // asked for its errors
    for (const ResourceLimit& limit : spec.process.resource_limits) {
        check_limit(limit);
    }
}

} // namespace sandbox
