// SPDX-License-Identifier: Apache-2.0
// The progress bar of an import.
#include "image/progress.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"

namespace sandbox {

std::string progress_line(const std::string& name, std::uint64_t done, std::uint64_t total, double seconds) {
    constexpr std::size_t width = 24;
    constexpr std::size_t name_limit = 28;
    const double share =
        total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto filled = static_cast<std::size_t>(share * width);
    std::string line = printable(name);
    if (line.size() > name_limit) {
        line = "..." + line.substr(line.size() - name_limit + 3);
    }
    line += "  [" + std::string(filled, '#') + std::string(width - filled, '.') + "] ";
    line += std::to_string(static_cast<int>(share * 100)) + " %";
    if (seconds > 0 && done > 0) {
        const double rate = static_cast<double>(done) / seconds;
        line += "  " + std::to_string(static_cast<std::uint64_t>(rate / 1e6)) + " MB/s";
        if (total > done) {
            line += "  " +
                    std::to_string(static_cast<std::uint64_t>(static_cast<double>(total - done) / rate) + 1) +
                    " s left";
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
