// SPDX-License-Identifier: Apache-2.0
// The progress bar of an import.
#include "image/progress.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"

namespace sandbox {

namespace {

std::string megabytes(double bytes) {
    return std::to_string(static_cast<std::uint64_t>(bytes / 1e6)) + " MB";
}

/// "45 s", "2 min 5 s", "3 h 20 min"
std::string span(double seconds) {
    const auto whole = static_cast<std::uint64_t>(std::min(seconds, 1e9)) + 1;
    if (whole < 60) {
        return std::to_string(whole) + " s";
    }
    if (whole < 3600) {
        return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
    }
    return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

} // namespace

std::string progress_line(const std::string& name, std::uint64_t done, std::uint64_t total, double seconds) {
    constexpr std::size_t width = 10;
    constexpr std::size_t name_limit = 20;
    const auto bytes = static_cast<double>(done);
    const auto all = static_cast<double>(total);
    std::string line = printable(name);
    if (line.size() > name_limit) {
        line = "..." + line.substr(line.size() - name_limit + 3);
    }
    if (total > 0) { // of a pipe nobody knows
        const double share = std::min(1.0, bytes / all);
        const auto filled = static_cast<std::size_t>(share * width);
        line += "  [" + std::string(filled, '#') + std::string(width - filled, '.') + "] ";
        line += std::to_string(static_cast<int>(share * 100)) + " %";
    }
    line += "  " + megabytes(bytes) + (total > 0 ? " of " + megabytes(all) : "");
    if (seconds > 0 && done > 0) {
        const double rate = bytes / seconds;
        line += "  " + megabytes(rate) + "/s";
        if (total > done) {
            line += "  " + span((all - bytes) / rate) + " left";
        }
    }
    return line.substr(0, 79);
}

ProgressBar::ProgressBar(std::string name, std::uint64_t total_bytes, bool enabled)
    : name_(std::move(name)),
      total_(total_bytes),
      enabled_(enabled && ::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() {
    if (drawn_) {
        constexpr char wipe[] = "\r\x1b[K";
        (void)!::write(STDERR_FILENO, wipe, sizeof wipe - 1); // a lost terminal needs no wiping
    }
}

void ProgressBar::show(std::uint64_t bytes_done) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    if (!enabled_ || seconds < 1) {
        return;
    }
    const std::string text = "\r" + progress_line(name_, bytes_done, total_, seconds) + "\x1b[K";
    (void)!::write(STDERR_FILENO, text.data(), text.size()); // a lost terminal needs no bar
    drawn_ = true;
}

} // namespace sandbox
