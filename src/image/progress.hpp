// SPDX-License-Identifier: Apache-2.0
// The progress bar of an import: on a terminal, and only when it takes more than a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sandbox {

/// "alpine.tar  [####......] 40 %  12 MB of 30 MB  12 MB/s  2 s left", at most 79 columns. Pure.
/// @param done, total bytes of the archive's file; a total of 0 is not known
std::string progress_line(const std::string& name, std::uint64_t done, std::uint64_t total, double seconds);

/// Draws on stderr; its destructor wipes what it drew.
class ProgressBar {
  public:
    ProgressBar(std::string name, std::uint64_t total_bytes, bool enabled);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    void show(std::uint64_t bytes_done);

  private:
    std::string name_;
    std::uint64_t total_;
    bool enabled_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point start_;
};

} // namespace sandbox
