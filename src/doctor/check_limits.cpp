// SPDX-License-Identifier: Apache-2.0
// Cgroups, controller by controller, as a start with a limit would use them.
#include <string>
#include <vector>

#include "base/error.hpp"
#include "doctor/checks.hpp"

namespace sandbox {

namespace {

/// Limits that nothing here comes near, by the option that asks for them.
std::vector<CgroupSetting> settings_of(const std::string& option) {
    CgroupLimits limits;
    if (option == "--memory") {
        limits.memory = 1ULL << 40;
    } else if (option == "--cpus") {
        limits.cpu_quota = 100'000;
    } else if (option == "--pids-limit") {
        limits.processes = 4096;
    } else {
        // Which disks there are is not asked: that the controller is there is enough.
        return {{"io", "", "", option}};
    }
    return cgroup_settings(limits);
}

} // namespace

Finding check_cgroups(const SessionAddress& session) {
    Finding finding{"cgroups", Finding::State::ok, "", ""};
    std::string works;
    std::string fails;
    // First what most hosts do not give: it ends in a scope of systemd's all the same, where the others work
    // then.
    for (const char* option : {"--device-write-bps", "--memory", "--cpus", "--pids-limit"}) {
        std::string* names = &works;
        try {
            const SandboxCgroup cgroup{settings_of(option), session, Log{LogLevel::error}};
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
