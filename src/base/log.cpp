// SPDX-License-Identifier: Apache-2.0
// Lines on stderr, each in one write so that two processes do not mix theirs.
#include "base/log.hpp"

#include <unistd.h>

#include <string>

namespace sandbox {

namespace {

void write_line(std::string_view prefix, std::string_view text) {
    std::string line{prefix};
    line += text;
    line += '\n';
    (void)!::write(STDERR_FILENO, line.data(), line.size()); // nowhere left to report a failure to
}

} // namespace

void Log::note(std::string_view text) const {
    if (shows(LogLevel::warn)) {
        write_line("sandbox: ", text);
    }
}

void Log::result(std::string_view lines) const {
    write_line("", lines);
}

void Log::debug(std::string_view text) const {
    if (shows(LogLevel::debug)) {
        write_line("sandbox: debug: ", text);
    }
}

} // namespace sandbox
