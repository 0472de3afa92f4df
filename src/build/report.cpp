// SPDX-License-Identifier: Apache-2.0
// A report, printed.
#include "build/report.hpp"

#include <cstdio>

#include "base/json.hpp"

namespace sandbox {

namespace {

void add_list(JsonWriter& json, const char* key, const std::vector<std::string>& values) {
    json.key(key).begin_array();
    for (const std::string& value : values) {
        json.value(value);
    }
    json.end_array();
}

void add_outputs(JsonWriter& json, const std::vector<ReportedOutput>& outputs) {
    json.key("outputs").begin_array();
    for (const ReportedOutput& output : outputs) {
        char mode[16];
        (void)std::snprintf(mode, sizeof mode, "%04o", output.mode);
        json.begin_object().key("path").value(output.path).key("kind").value(output.kind);
        if (output.kind == "file" || output.kind == "directory") {
            json.key("mode").value(mode);
        }
        if (output.kind == "file") {
            json.key("size").value(output.size).key("sha256").value(output.sha256);
        }
        json.end_object();
    }
    json.end_array();
}

} // namespace

std::string report_json(const BuildReport& report) {
    JsonWriter json;
    json.begin_object();
    add_list(json, "command", report.command);
    json.key("image").value(report.image).key("workspace").value(report.workspace);
    json.key("source_date_epoch").value(report.epoch).key("hermetic").value(report.hermetic);
    json.key("exit_status").value(std::int64_t{report.exit_status});
    if (!report.error.empty()) {
        json.key("error").value(report.error);
    }
    json.key("seconds").value(report.elapsed);
    json.key("user_seconds").value(report.user).key("system_seconds").value(report.system);
    json.key("peak_memory").value(report.peak_memory);
    add_list(json, "inputs", report.inputs);
    add_outputs(json, report.outputs);
    add_list(json, "undeclared_writes", report.undeclared_writes);
    json.key("reads").begin_object().key("complete").value(report.reads_gap.empty());
    if (!report.reads_gap.empty()) {
        json.key("gap").value(report.reads_gap);
    }
    add_list(json, "workspace", report.workspace_reads);
    add_list(json, "system", report.system_reads);
    json.end_object();
    add_list(json, "undeclared_reads", report.undeclared_reads);
    json.end_object();
    return json.text() + "\n";
}

} // namespace sandbox
