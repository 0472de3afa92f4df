// SPDX-License-Identifier: Apache-2.0
// Cgroups, controller by controller, as a start with a limit would use them.
#include <array>
#include <utility>

#include "base/error.hpp"
#include "doctor/checks.hpp"

namespace sandbox {

namespace {

/// Limits that nothing here comes near.
constexpr std::array<std::pair<const char*, CgroupPlan>, 3> limits{{
    {"--memory", {1ULL << 40, 0, 0}},
    {"--cpus", {0, 100'000, 0}},
    {"--pids-limit", {0, 0, 4096}},
}};

} // namespace

Finding check_cgroups(const SessionAddress& session) {
    Finding finding{"cgroups", Finding::State::ok, "", ""};
    std::string works;
    std::string fails;
    for (const auto& [option, limit] : limits) {
        std::string* names = &works;
        try {
            const SandboxCgroup cgroup{cgroup_settings(limit), session, Log{LogLevel::error}};
        } catch (const Error& error) {
            names = &fails;
            finding.detail = error.reason();
            finding.fix = error.hint();
        }
        *names += (names->empty() ? "" : ", ") + std::string{option};
    }
    if (fails.empty()) {
        finding.detail = works + " can be enforced";
        return finding;
    }
    finding.state = Finding::State::degraded;
    finding.detail = fails + ": " + finding.detail + (works.empty() ? "" : "; " + works + " can be");
    return finding;
}

} // namespace sandbox
