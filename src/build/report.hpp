// SPDX-License-Identifier: Apache-2.0
// --report: a build in JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace sandbox {

struct ReportedOutput {
    std::string path;
    std::string kind; ///< "file", "symlink", "directory" or "removed"
    std::uint32_t mode = 0;
    std::uint64_t size = 0;
    std::string sha256; ///< file: in hexadecimal
};

struct BuildReport {
    std::vector<std::string> command;
    std::string image;
    std::string workspace;
    std::string epoch;
    bool hermetic = true; ///< no network, nothing shared
    int exit_status = 0;
    std::string error; ///< why outputs were not taken; empty where they were, or there are none
    std::chrono::microseconds elapsed{};
    std::chrono::microseconds user{};   ///< processor time
    std::chrono::microseconds system{}; ///< likewise
    std::uint64_t peak_memory = 0;      ///< bytes, of the largest process
    std::vector<std::string> inputs;    ///< as declared
    std::vector<ReportedOutput> outputs;
    std::vector<std::string> undeclared_writes;
    std::vector<std::string> workspace_reads;  ///< relative
    std::vector<std::string> system_reads;     ///< absolute
    std::string reads_gap;                     ///< why some may be missing
    std::vector<std::string> undeclared_reads; ///< --strict: what was looked for and is hidden
};

std::string report_json(const BuildReport& report);

} // namespace sandbox
