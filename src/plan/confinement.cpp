// SPDX-License-Identifier: Apache-2.0
// The default set of capabilities, and what changes it.
#include "plan/confinement.hpp"

#include <linux/capability.h>
#include <sys/mount.h>

#include <algorithm>

namespace sandbox {

namespace {

constexpr std::uint64_t bit(int capability) {
    return std::uint64_t{1} << static_cast<unsigned>(capability);
}

/// What root inside may do: the common container profile's set. Without CAP_SYS_ADMIN it cannot undo a mount
/// made here: uncover what is hidden, or write to what is bound read-only.
constexpr std::uint64_t default_capabilities = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) |
                                               bit(CAP_FSETID) | bit(CAP_KILL) | bit(CAP_NET_BIND_SERVICE) |
                                               bit(CAP_SETFCAP) | bit(CAP_SETGID) | bit(CAP_SETPCAP) |
                                               bit(CAP_SETUID) | bit(CAP_SYS_CHROOT);

constexpr std::uint64_t all_capabilities = ~std::uint64_t{0};

} // namespace

std::uint64_t bounding_set(const Spec& spec) {
    const ProcessSpec& process = spec.process;
    // Of the two words "all" the dropping one comes first, so that `--cap-drop all --cap-add X` leaves X.
    // podman-run(1)
    const bool drops_all = process.dropped_capabilities == all_capabilities;
    const std::uint64_t base = drops_all             ? 0
                               : spec.sandbox.nested ? all_capabilities // sandboxes inside mount and map ids
                                                     : default_capabilities;
    return (base | process.added_capabilities) & ~(drops_all ? 0 : process.dropped_capabilities);
}

std::uint64_t filter_capabilities(const Spec& spec) {
    const std::uint64_t set = bounding_set(spec);
    return spec.sandbox.nested
               ? set & (default_capabilities | bit(CAP_SYS_ADMIN) | spec.process.added_capabilities)
               : set;
}

bool allows_new_privileges(const Spec& spec) {
    return spec.process.new_privileges || spec.sandbox.nested;
}

std::vector<LimitPlan> limit_plans(const ProcessSpec& process) {
    std::vector<LimitPlan> plans;
    std::transform(process.resource_limits.begin(), process.resource_limits.end(), std::back_inserter(plans),
                   [](const ResourceLimit& limit) {
                       return LimitPlan{limit.resource, limit.soft, limit.hard};
                   });
    return plans;
}

void add_devices(const SandboxSpec& sandbox, TextKeeper& texts, std::vector<Step>& steps) {
    for (const DeviceMount& device : sandbox.devices) {
        Step step;
        step.kind = StepKind::bind;
        step.source = texts.keep(device.source);
        step.target = texts.keep(device.target);
        step.behaviour = step_create_file;
        step.mount_flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
        step.option = texts.keep(device.option);
        steps.push_back(step);
    }
}

} // namespace sandbox
