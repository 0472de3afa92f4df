// SPDX-License-Identifier: Apache-2.0
// One set of a plan's inputs that each test changes as it needs, and ways to look at its steps.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/compile.hpp"

namespace sandbox::test {

inline std::string text_of(const char* text) {
    return text != nullptr ? text : "";
}

/// A caller with id 1000 and a range, an image on an overlay, root inside, the command "id".
struct PlanCase {
    Spec spec;
    HostFacts host{1000, 1000, "/home/me", "/home/me/project", false};
    Rootfs rootfs{RootStorage::overlay_disk, {"/store/layers/abc/root"}, "/store/runs/0"};
    Mapping mapping;
    ResolvedUser user{0, 0, {}, "root", "/root", "/bin/sh"};
    std::vector<BindSource> bind_sources;
    std::vector<std::string> command{"id"};
    std::vector<std::string> environment{"PATH=/bin:/usr/bin", "HOME=/root"};
    std::string directory = "/";
    bool tty = false;

    PlanCase() {
        spec.sandbox.image = "alpine.tar";
        map(MapKind::root_is_you, MapWay::helpers);
    }

    void map(MapKind kind, MapWay way) {
        const bool keeps = kind == MapKind::keep_id || kind == MapKind::single_self;
        const bool single = kind == MapKind::single_root || kind == MapKind::single_self;
        const std::vector<SubIdRange> ranges =
            single ? std::vector<SubIdRange>{} : std::vector<SubIdRange>{{100000, 65536}};
        const auto make = keeps ? keep_id : root_is_you;
        mapping.kind = kind;
        mapping.way = way;
        mapping.set_groups = way != MapWay::self;
        mapping.caller_is_host_root = host.uid == 0;
        mapping.maps = {make(host.uid, ranges), make(host.gid, ranges)};
        if (keeps) {
            user = {host.uid, host.gid, {}, "me", "/home/me", ""};
        }
    }

    /// As `sandbox run host` has it.
    void use_host_root() {
        spec.sandbox.image = "host";
        rootfs = {RootStorage::host_bind, {"/"}, ""};
        map(MapKind::single_self, MapWay::self);
    }

    void use_root_caller() {
        host.uid = host.gid = 0;
        map(MapKind::root_is_you, MapWay::direct);
    }

    void bind(const std::string& source, const std::string& target, bool read_only = false,
              bool is_directory = true) {
        spec.sandbox.mounts.emplace_back(BindMount{source, target, read_only, "--volume " + source});
        bind_sources.push_back({source, 7, 4711, is_directory});
    }

    [[nodiscard]] CompiledPlan compiled() const {
        PlanInputs inputs{spec, host, rootfs, mapping, user, bind_sources, {}, {}, {}, {}, false, {}};
        inputs.etc = {"hosts\n", "sandbox\n", "nameserver 10.0.2.3\n"};
        inputs.command = command;
        inputs.environment = environment;
        inputs.directory = directory;
        inputs.tty = tty;
        return compile(inputs);
    }
};

/// The place of the first step of a kind on a target, or -1.
inline int place_of(const Plan& plan, StepKind kind, std::string_view target) {
    for (std::size_t i = 0; i < plan.steps.count; ++i) {
        if (plan.steps.values[i].kind == kind && text_of(plan.steps.values[i].target) == target) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

/// The last step of any kind on a target, or nullptr.
inline const Step* step_on(const Plan& plan, std::string_view target) {
    const Step* found = nullptr;
    for (const Step& step : plan.steps) {
        if (text_of(step.target) == target) {
            found = &step;
        }
    }
    return found;
}

inline std::vector<std::string> strings_of(const Run<const char*>& run) {
    return {run.begin(), run.end()};
}

} // namespace sandbox::test
