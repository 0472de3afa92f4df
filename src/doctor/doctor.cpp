// SPDX-License-Identifier: Apache-2.0
// All checks in the order in which a start meets them, and their findings on paper.
#include "doctor/doctor.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "doctor/checks.hpp"

namespace sandbox {

namespace {

const char* name_of(Finding::State state) {
    switch (state) {
        case Finding::State::ok:
            return "ok";
        case Finding::State::degraded:
            return "degraded";
        case Finding::State::missing:
            break;
    }
    return "missing";
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

} // namespace

std::vector<Finding> examine_host(const std::string& store_path, const SessionAddress& session) {
    return {
        check_user_namespaces(),
        check_proc(),
        check_sysctls(),
        check_apparmor(),
        check_sub_ids(),
        check_map_helpers(),
        check_full_map(),
        check_store(store_path),
        check_xattrs(store_path),
        check_overlay(store_path),
        check_dead_runs(store_path),
        check_fuse_overlayfs(),
        check_tap(),
        check_splice_engine(),
        check_ping(),
        check_seccomp(),
        check_landlock(),
        check_time_namespace(),
        check_cgroups(session),
        check_surroundings(),
    };
}

bool main_job_works(const std::vector<Finding>& findings) {
    return std::none_of(findings.begin(), findings.end(),
                        [](const Finding& finding) { return finding.state == Finding::State::missing; });
}

std::string findings_text(const std::vector<Finding>& findings) {
    constexpr std::size_t state_width = 10;
    constexpr std::size_t name_width = 20;
    std::string text;
    for (const Finding& finding : findings) {
        text += padded(name_of(finding.state), state_width) + padded(finding.name, name_width) +
                printable(finding.detail) + "\n";
        if (!finding.fix.empty()) {
            text += std::string(state_width, ' ') + "fix: " + printable(finding.fix) + "\n";
        }
    }
    return text + (main_job_works(findings) ? "sandbox works here.\n" : "sandbox does not work here yet.\n");
}

std::string findings_json(const std::vector<Finding>& findings) {
    JsonWriter json;
    json.begin_object().key("works").value(main_job_works(findings)).key("findings").begin_array();
    for (const Finding& finding : findings) {
        json.begin_object().key("name").value(finding.name).key("state").value(name_of(finding.state));
        json.key("detail").value(finding.detail).key("fix").value(finding.fix).end_object();
    }
    json.end_array().end_object();
    return json.text() + "\n";
}

} // namespace sandbox
