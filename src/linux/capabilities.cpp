// SPDX-License-Identifier: Apache-2.0
// Capability sets by capset(2) and prctl(2), without libcap: the start path links nothing it does not need.
#include "linux/capabilities.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace sandbox {

int last_capability() noexcept {
    int capability = 0;
    while (capability < 63 && ::prctl(PR_CAPBSET_READ, capability + 1) >= 0) {
        ++capability;
    }
    return capability;
}

int set_capabilities(CapabilityMask effective, CapabilityMask permitted,
                     CapabilityMask inheritable) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2];
    for (unsigned half = 0; half < 2; ++half) {
        data[half].effective = static_cast<std::uint32_t>(effective >> (32 * half));
        data[half].permitted = static_cast<std::uint32_t>(permitted >> (32 * half));
        data[half].inheritable = static_cast<std::uint32_t>(inheritable >> (32 * half));
    }
    return static_cast<int>(::syscall(SYS_capset, &header, data));
}

CapabilityMask permitted_capabilities() noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    if (::syscall(SYS_capget, &header, data) < 0) {
        return 0;
    }
    return data[0].permitted | (CapabilityMask{data[1].permitted} << 32);
}

int limit_capability_bounds(CapabilityMask keep) noexcept {
    for (int capability = 0; capability < 64; ++capability) {
        if ((keep & capability_bit(capability)) != 0) {
            continue;
        }
        // EINVAL ends the list: the kernel knows no higher one. PR_CAPBSET_DROP, prctl(2).
        if (::prctl(PR_CAPBSET_DROP, capability) < 0) {
            if (errno == EINVAL) {
                break;
            }
            return -1;
        }
    }
    return ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

} // namespace sandbox
