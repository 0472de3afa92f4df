// SPDX-License-Identifier: Apache-2.0
// The decisions behind a Plan.
#include "plan/compile.hpp"

#include <linux/sched.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "plan/confinement.hpp"
#include "plan/root_mounts.hpp"
#include "spec/validate.hpp"

namespace sandbox {

namespace {

bool lies_below(const std::string& path, const std::string& directory) {
    return path == directory ||
           (path.starts_with(directory) && (directory == "/" || path[directory.size()] == '/'));
}

} // namespace

struct CompiledPlan::Memory final : TextKeeper {
    Plan plan;
    std::deque<std::string> texts;
    std::deque<std::vector<const char*>> lists;
    std::deque<std::vector<char*>> vectors;
    std::vector<Step> steps;
    std::vector<gid_t> groups;
    std::vector<LimitPlan> limits;
    std::vector<MaskEntry> mask;

    const char* keep(std::string text) override { return texts.emplace_back(std::move(text)).c_str(); }

    Run<const char*> keep_list(const std::vector<std::string>& values) {
        std::vector<const char*>& list = lists.emplace_back();
        for (const std::string& value : values) {
            list.push_back(keep(value));
        }
        return {list.data(), list.size()};
    }

    char* const* keep_vector(const std::vector<std::string>& values) {
        std::vector<char*>& vector = vectors.emplace_back();
        for (const std::string& value : values) {
            vector.push_back(texts.emplace_back(value).data());
        }
        vector.push_back(nullptr);
        return vector.data();
    }
};

CompiledPlan::CompiledPlan() : memory_(std::make_unique<Memory>()) {}
CompiledPlan::CompiledPlan(CompiledPlan&&) noexcept = default;
CompiledPlan& CompiledPlan::operator=(CompiledPlan&&) noexcept = default;
CompiledPlan::~CompiledPlan() = default;

const Plan& CompiledPlan::plan() const noexcept {
    return memory_->plan;
}

namespace {

std::uint64_t clone_flags(const SandboxSpec& sandbox) {
    static constexpr std::pair<Namespace, std::uint64_t> flags[] = {{Namespace::pid, CLONE_NEWPID},
                                                                    {Namespace::net, CLONE_NEWNET},
                                                                    {Namespace::ipc, CLONE_NEWIPC},
                                                                    {Namespace::uts, CLONE_NEWUTS},
                                                                    {Namespace::cgroup, CLONE_NEWCGROUP}};
    std::uint64_t result = CLONE_NEWUSER | CLONE_NEWNS;
    for (const auto& [kind, flag] : flags) {
        result |= shares(sandbox, kind) ? 0 : flag;
    }
    return result;
}

/// The kernel takes a range of ids that are mapped, and refuses one that is not.
std::string ping_group_range(const IdMap& gids) {
    const auto widest = std::max_element(
        gids.begin(), gids.end(), [](const IdMapLine& a, const IdMapLine& b) { return a.count < b.count; });
    // Lines that follow each other inside count as one range, in whatever order they stand.
    std::uint32_t first = widest->inside;
    std::uint32_t last = widest->inside + (widest->count - 1);
    for (std::size_t round = 0; round < gids.size(); ++round) {
        for (const IdMapLine& line : gids) {
            if (line.inside + line.count == first) {
                first = line.inside;
            } else if (line.inside == last + 1) {
                last = line.inside + (line.count - 1);
            }
        }
    }
    return std::to_string(first) + " " + std::to_string(last);
}

NetworkPlan network_plan(const SandboxSpec& sandbox, const Mapping& mapping, TextKeeper& texts) {
    NetworkPlan network;
    network.loopback = !shares(sandbox, Namespace::net);
    network.tap = network.loopback && sandbox.network.kind == Network::slirp;
    network.mtu = sandbox.network.mtu;
    network.ipv6 = sandbox.network.ipv6;
    network.ping_group_range = texts.keep(ping_group_range(mapping.maps.gid));
    return network;
}

RootKind root_kind(RootStorage storage) {
    switch (storage) {
        case RootStorage::overlay_disk:
        case RootStorage::overlay_tmpfs:
            return RootKind::overlay;
        case RootStorage::fuse_overlay:
            return RootKind::fuse_overlay;
        case RootStorage::host_parts:
            return RootKind::empty;
        case RootStorage::host_bind:
        case RootStorage::copy:
            break;
    }
    return RootKind::bind;
}

/// The sandbox's terminal, or, where it has none, a place that takes what is written.
Step console_step(bool tty) {
    Step step;
    step.kind = tty ? StepKind::console : StepKind::symlink;
    step.source = tty ? nullptr : "null";
    step.target = "/dev/console";
    step.behaviour = tty ? std::uint32_t{step_create_file} : 0U;
    return step;
}

void require_mapped(const IdMap& map, std::uint32_t id, const char* kind, const Mapping& mapping) {
    if (!maps_inside(map, id)) {
        throw UsageError(
            "--user", std::string{kind} + " " + std::to_string(id) + " is outside of the sandbox's id range",
            mapping.maps.is_single() ? "only one id is mapped: a range in /etc/subuid and /etc/subgid "
                                       "gives more"
                                     : "the range in /etc/subuid and /etc/subgid sets its size");
    }
}

/// Paths tried for the command, as execvp(3) does with the environment's PATH.
std::vector<std::string> candidates(const std::string& command, const std::vector<std::string>& environment) {
    if (command.empty()) {
        return {}; // found nowhere, rather than every directory of PATH
    }
    if (command.find('/') != std::string::npos) {
        return {command};
    }
    std::string search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    for (const std::string& variable : environment) {
        if (variable.starts_with("PATH=")) {
            search = variable.substr(5);
        }
    }
    std::vector<std::string> result;
    for (const std::string_view directory : split(search, ':')) {
        result.push_back((directory.empty() ? "." : std::string{directory}) + "/" + command);
    }
    return result;
}

} // namespace

CompiledPlan compile(const PlanInputs& inputs) {
    CompiledPlan compiled;
    CompiledPlan::Memory& memory = *compiled.memory_;
    Plan& plan = memory.plan;
    const SandboxSpec& sandbox = inputs.spec.sandbox;
    const Mapping& mapping = inputs.mapping;
    const IdFacts ids = id_facts(mapping);

    plan.clone_flags = clone_flags(sandbox);
    if (sandbox.limits.any() && !shares(sandbox, Namespace::cgroup)) {
        // clone3(2) with CLONE_INTO_CGROUP roots a new namespace in the caller's cgroup, not in the child's.
        plan.clone_flags &= ~std::uint64_t{CLONE_NEWCGROUP};
        plan.late_cgroup_namespace = true;
    }
    if (sandbox.time_offset) {
        const std::string seconds = std::to_string(*sandbox.time_offset);
        plan.new_time_namespace = true;
        plan.time_offsets = memory.keep("monotonic " + seconds + " 0\nboottime " + seconds + " 0\n");
    }
    if (mapping.way == MapWay::self) {
        plan.own_uid_map = memory.keep(map_text(mapping.maps.uid));
        plan.own_gid_map = memory.keep(map_text(mapping.maps.gid));
    }
    const bool keeps_id = mapping.kind == MapKind::keep_id || mapping.kind == MapKind::single_self;
    plan.become_root = !keeps_id;
    plan.owns_made_files = keeps_id && ids.root_mapped;
    plan.hostname = shares(sandbox, Namespace::uts) ? nullptr : memory.keep(sandbox.hostname);
    plan.network = network_plan(sandbox, mapping, memory);

    const bool is_host = inputs.rootfs.storage == RootStorage::host_bind;
    plan.root.kind = root_kind(inputs.rootfs.storage);
    plan.root.layers = memory.keep_list(inputs.rootfs.layers);
    plan.root.run_directory = memory.keep(inputs.rootfs.run_directory);
    plan.root.upper_on_tmpfs = inputs.rootfs.storage == RootStorage::overlay_tmpfs;
    plan.root.recursive = is_host;
    plan.root.read_only = is_host;
    plan.read_only_root = sandbox.read_only && !is_host;
    plan.trace.opened_files = inputs.trace;
    plan.trace.lookups = {inputs.lookups.data(), inputs.lookups.size()};
    plan.workspace = workspace_plan(inputs, memory, memory.mask);

    add_host_parts(inputs, memory, memory.steps);
    add_standard_mounts(sandbox, ids, inputs.etc, memory, memory.steps);
    if (!inputs.tty) {
        memory.steps.push_back(
            console_step(false)); // before the user's mounts: /dev may be the host's after them
    }
    add_private_directories(inputs, ids, memory, memory.steps);
    add_home(inputs, memory, memory.steps);
    add_timezone(inputs, memory, memory.steps);
    add_devices(sandbox, memory, memory.steps);
    add_user_mounts(inputs, memory, memory.steps);
    add_masks(sandbox, ids, memory.steps);
    if (inputs.tty) {
        memory.steps.push_back(console_step(true));
    }
    plan.steps = {memory.steps.data(), memory.steps.size()};

    require_mapped(mapping.maps.uid, inputs.user.uid, "user id", mapping);
    require_mapped(mapping.maps.gid, inputs.user.gid, "group id", mapping);
    plan.credentials.uid = inputs.user.uid;
    plan.credentials.gid = inputs.user.gid;
    std::copy_if(inputs.user.groups.begin(), inputs.user.groups.end(), std::back_inserter(memory.groups),
                 [&](gid_t group) { return maps_inside(mapping.maps.gid, group); });
    plan.credentials.groups = {memory.groups.data(), memory.groups.size()};
    plan.credentials.set_groups = mapping.set_groups;
    plan.credentials.bounding_set = bounding_set(inputs.spec);

    plan.confinement.no_new_privileges = !allows_new_privileges(inputs.spec);
    plan.confinement.filter = {inputs.filter.data(), inputs.filter.size()};
    plan.confinement.needs_own_keyring =
        inputs.filter.empty() || inputs.spec.process.filter.kind != FilterKind::standard;
    plan.confinement.reports_calls = inputs.spec.process.filter.kind == FilterKind::report;
    memory.limits = limit_plans(inputs.spec.process);
    plan.confinement.limits = {memory.limits.data(), memory.limits.size()};

    plan.process.candidates = memory.keep_list(candidates(inputs.command.front(), inputs.environment));
    plan.process.arguments = memory.keep_vector(inputs.command);
    plan.process.environment = memory.keep_vector(inputs.environment);
    plan.process.directory = memory.keep(inputs.directory);
    plan.process.makes_directory = inputs.makes_directory && inputs.directory != "/";
    plan.process.tty = inputs.tty;
    plan.process.init = inputs.spec.process.init;
    plan.process.preserved_fds = inputs.spec.process.preserved_fds;
    return compiled;
}

std::string visible_directory(const Spec& spec, const HostFacts& host) {
    const std::string& directory = host.directory;
    if (directory.empty()) {
        return "/";
    }
    // The last mount that covers it decides.
    bool visible = true;
    std::vector<std::string> covered{"/tmp", "/var/tmp", "/run", "/proc", "/sys", "/dev"};
    if (spec.sandbox.home == HomeView::hide && !host.home.empty() && host.home != "/") {
        covered.push_back(host.home);
    }
    for (const std::string& hidden : covered) {
        visible = visible && !lies_below(directory, hidden);
    }
    for (const MountOperation& operation : spec.sandbox.mounts) {
        if (const auto* bind = std::get_if<BindMount>(&operation)) {
            visible = lies_below(directory, bind->target) ? bind->source == bind->target : visible;
        } else if (const auto* tmpfs = std::get_if<TmpfsMount>(&operation)) {
            visible = visible && !lies_below(directory, tmpfs->target);
        }
    }
    return visible ? directory : "/";
}

} // namespace sandbox
