// SPDX-License-Identifier: Apache-2.0
// The writing end of the report pipe. The lines are described in base/unpack_report.hpp.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/error.hpp"
#include "base/unpack_report.hpp"

namespace sandbox::unpack {

/// Writes reports to a descriptor that it does not own.
class Report {
  public:
    explicit Report(int fd) noexcept : fd_(fd) {}

    /// Says how many bytes of the archive have been read, unless it was said less than 100 ms ago. Throws
    /// SystemError when nobody reads (EPIPE): then the work is for nothing.
    void progress(std::uint64_t archive_bytes);

    /// The last line of a success. Throws as progress().
    void done(const UnpackDone& result);

    /// The last line of a failure. A parent that is gone is no failure of its own.
    void failed(const UnpackFailure& failure) noexcept;

  private:
    using Clock = std::chrono::steady_clock;

    int fd_;
    Clock::time_point last_ = Clock::now();
};

} // namespace sandbox::unpack
