// SPDX-License-Identifier: Apache-2.0
// The one way by which anything but main writes to stderr: notes the user should see, and debug lines.
#pragma once

#include <string_view>

namespace sandbox {

enum class LogLevel { error, warn, debug };

/// Where lines go and which are wanted. Made by main from --log-level and --quiet, passed by reference.
class Log {
  public:
    explicit Log(LogLevel level) noexcept : level_(level) {}

    [[nodiscard]] bool shows(LogLevel level) const noexcept { return level <= level_; }

    /// "sandbox: TEXT": something was done otherwise than the user may expect. Not shown with --quiet.
    void note(std::string_view text) const;
    /// Lines that were asked for, as they are, with --quiet too. @param lines without the last newline
    void result(std::string_view lines) const;
    /// "sandbox: debug: TEXT": only with --log-level debug.
    void debug(std::string_view text) const;

  private:
    LogLevel level_;
};

} // namespace sandbox
