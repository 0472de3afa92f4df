// SPDX-License-Identifier: Apache-2.0
// Reports to the parent, one line and one write each.
#include "unpack/report.hpp"

#include "base/files.hpp"

namespace sandbox::unpack {

namespace {

constexpr std::chrono::milliseconds progress_interval{100};

} // namespace

void Report::progress(std::uint64_t archive_bytes) {
    const auto now = Clock::now();
    if (now - last_ < progress_interval) {
        return;
    }
    last_ = now;
    write_all(fd_, format_unpack_report(UnpackProgress{archive_bytes}), "the report pipe");
}

void Report::done(const UnpackDone& result) {
    write_all(fd_, format_unpack_report(result), "the report pipe");
}

void Report::failed(const UnpackFailure& failure) noexcept {
    try {
        write_all(fd_, format_unpack_report(failure), "the report pipe");
    } catch (...) {
        // Nobody is there to be told; the exit status says the rest.
        return;
    }
}

} // namespace sandbox::unpack
