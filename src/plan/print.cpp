// SPDX-License-Identifier: Apache-2.0
// A Plan for people, or as JSON: both from one walk over it.
#include "plan/print.hpp"

#include <linux/sched.h>

#include <vector>

#include "base/capability_names.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

struct NamespaceName {
    std::uint64_t flag;
    const char* name;
};
constexpr NamespaceName namespace_flags[] = {
    {CLONE_NEWUSER, "user"}, {CLONE_NEWNS, "mount"}, {CLONE_NEWPID, "pid"},      {CLONE_NEWNET, "net"},
    {CLONE_NEWIPC, "ipc"},   {CLONE_NEWUTS, "uts"},  {CLONE_NEWCGROUP, "cgroup"}};

const char* way_name(MapWay way) {
    switch (way) {
        case MapWay::self:
            return "written by the sandbox itself";
        case MapWay::direct:
            return "written directly";
        case MapWay::helpers:
            return "written by newuidmap and newgidmap, or in the domain";
    }
    return "";
}

const char* root_name(const RootPlan& root) {
    switch (root.kind) {
        case RootKind::overlay:
            return root.upper_on_tmpfs ? "overlay, writes on a tmpfs" : "overlay, writes on disk";
        case RootKind::fuse_overlay:
            return "fuse-overlayfs";
        case RootKind::bind:
            return root.read_only ? "bind, read-only" : "copy";
        case RootKind::empty:
            return "made of the host's directories";
    }
    return "";
}

std::string text_of(const char* text) {
    return text == nullptr ? "" : text;
}

/// "tmpfs on /tmp (mode=1777)" and the like.
std::string step_text(const Step& step) {
    const std::string target = text_of(step.target);
    switch (step.kind) {
        case StepKind::file_system:
            return "mount " + text_of(step.source) + " on " + target +
                   (step.options == nullptr ? "" : " (" + text_of(step.options) + ")");
        case StepKind::bind:
        case StepKind::bind_inside:
            return std::string{step.kind == StepKind::bind ? "bind " : "bind inside "} +
                   text_of(step.source) + " on " + target;
        case StepKind::device:
            return "device " + target;
        case StepKind::directory:
            return "directory " + target;
        case StepKind::file:
            return "file " + target;
        case StepKind::symlink:
            return "symlink " + target + " -> " + text_of(step.source);
        case StepKind::mask:
            return "hide " + target;
        case StepKind::console:
            return "terminal on " + target;
        case StepKind::workspace:
            return "workspace " + text_of(step.source) + " on " + target;
        case StepKind::view:
            return "view of " + text_of(step.source) + " on " + target;
    }
    return "";
}

std::vector<std::string> namespaces_of(const Plan& plan) {
    std::vector<std::string> names;
    for (const auto& [flag, name] : namespace_flags) {
        if ((plan.clone_flags & flag) != 0) {
            names.emplace_back(name);
        }
    }
    if (plan.late_cgroup_namespace) {
        names.emplace_back("cgroup");
    }
    if (plan.new_time_namespace) {
        names.emplace_back("time");
    }
    return names;
}

std::vector<std::string> strings_of(char* const* vector) {
    std::vector<std::string> strings;
    for (; vector != nullptr && *vector != nullptr; ++vector) {
        strings.emplace_back(*vector);
    }
    return strings;
}

void add_array(JsonWriter& json, const char* key, const std::vector<std::string>& values) {
    json.key(key).begin_array();
    for (const std::string& value : values) {
        json.value(value);
    }
    json.end_array();
}

void add_map(JsonWriter& json, const char* key, const IdMap& map) {
    json.key(key).begin_array();
    for (const IdMapLine& line : map) {
        json.begin_object().key("inside").value(std::uint64_t{line.inside});
        json.key("outside").value(std::uint64_t{line.outside});
        json.key("count").value(std::uint64_t{line.count}).end_object();
    }
    json.end_array();
}

std::string indented(const std::string& lines) {
    std::string result;
    for (const std::string_view line : split(lines, '\n')) {
        result += line.empty() ? "" : "  " + std::string{line} + "\n";
    }
    return result;
}

/// Names, in the order of their numbers.
std::string capability_text(const CredentialPlan& who) {
    const std::uint64_t set = who.uid == 0 ? who.bounding_set : 0;
    if (set == ~std::uint64_t{0}) {
        return "all";
    }
    std::string text;
    for (unsigned number = 0; number < std::size(capability_names); ++number) {
        if ((set >> number & 1U) != 0) {
            text += (text.empty() ? "" : " ") + std::string{capability_names[number]};
        }
    }
    return text.empty() ? "none" : text;
}

std::string filter_text(const ConfinementPlan& plan) {
    if (plan.filter.count == 0) {
        return "unfiltered";
    }
    return (plan.reports_calls ? "reported, " : "filtered, ") + std::to_string(plan.filter.count) +
           " instructions";
}

std::vector<std::string> limit_texts(const CgroupLimits& limits) {
    std::vector<std::string> texts;
    if (limits.memory) {
        texts.push_back("memory " + std::to_string(*limits.memory));
    }
    if (limits.cpu_quota) {
        texts.push_back("cpu " + std::to_string(*limits.cpu_quota) + " of 100000");
    }
    if (limits.processes) {
        texts.push_back("processes " + std::to_string(*limits.processes));
    }
    for (const DeviceRate& rate : limits.device_rates) {
        texts.push_back((rate.write ? "write " : "read ") + rate.device + " " +
                        std::to_string(rate.bytes_per_second) + " a second");
    }
    return texts;
}

std::vector<std::string> layers_of(const RootPlan& root) {
    return {root.layers.begin(), root.layers.end()};
}

} // namespace

std::string plan_text(const Plan& plan, const Mapping& mapping, const CgroupLimits& limits) {
    std::string text = "namespaces:";
    for (const std::string& name : namespaces_of(plan)) {
        text += " " + name;
    }
    text +=
        "\nuid map (" + std::string{way_name(mapping.way)} + "):\n" + indented(map_text(mapping.maps.uid));
    text += "gid map:\n" + indented(map_text(mapping.maps.gid));
    text += "root: " + std::string{root_name(plan.root)} + "\n";
    for (const std::string& layer : layers_of(plan.root)) {
        text += "  " + printable(layer) + "\n";
    }
    if (plan.read_only_root) {
        text += "  read-only\n";
    }
    text += "mounts:\n";
    for (const Step& step : plan.steps) {
        text += "  " + printable(step_text(step)) + "\n";
    }
    text += std::string{"network: "} +
            (plan.network.tap        ? "user-mode (10.0.2.15)"
             : plan.network.loopback ? "none"
                                     : "the host's") +
            "\n";
    if (plan.hostname != nullptr) {
        text += std::string{"hostname: "} + plan.hostname + "\n";
    }
    text +=
        "user: " + std::to_string(plan.credentials.uid) + ":" + std::to_string(plan.credentials.gid) + "\n";
    text += "capabilities: " + capability_text(plan.credentials) + "\n";
    text += "new privileges: " + std::string{plan.confinement.no_new_privileges ? "no" : "yes"} + "\n";
    text += "system calls: " + filter_text(plan.confinement) + "\n";
    for (const std::string& limit : limit_texts(limits)) {
        text += "limit: " + printable(limit) + "\n";
    }
    text += "directory: " + printable(plan.process.directory) + "\ncommand:";
    for (const std::string& argument : strings_of(plan.process.arguments)) {
        text += " " + printable(argument);
    }
    return text + "\n";
}

std::string plan_json(const Plan& plan, const Mapping& mapping, const CgroupLimits& limits) {
    JsonWriter json;
    json.begin_object();
    add_array(json, "namespaces", namespaces_of(plan));
    add_map(json, "uid_map", mapping.maps.uid);
    add_map(json, "gid_map", mapping.maps.gid);
    json.key("root").begin_object().key("kind").value(root_name(plan.root));
    add_array(json, "layers", layers_of(plan.root));
    json.key("read_only").value(plan.root.read_only || plan.read_only_root);
    json.end_object();
    json.key("mounts").begin_array();
    for (const Step& step : plan.steps) {
        json.value(step_text(step));
    }
    json.end_array();
    json.key("network").value(plan.network.tap ? "slirp" : plan.network.loopback ? "none" : "host");
    json.key("hostname").value(text_of(plan.hostname));
    json.key("uid")
        .value(std::uint64_t{plan.credentials.uid})
        .key("gid")
        .value(std::uint64_t{plan.credentials.gid});
    json.key("capabilities").value(capability_text(plan.credentials));
    json.key("no_new_privileges").value(plan.confinement.no_new_privileges);
    json.key("system_calls").value(filter_text(plan.confinement));
    add_array(json, "limits", limit_texts(limits));
    json.key("directory").value(plan.process.directory);
    add_array(json, "command", strings_of(plan.process.arguments));
    add_array(json, "environment", strings_of(plan.process.environment));
    json.end_object();
    return json.text() + "\n";
}

} // namespace sandbox
