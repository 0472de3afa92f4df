// SPDX-License-Identifier: Apache-2.0
// A person at a terminal: a command behind a pseudo-terminal that is typed into, watched and resized.
#pragma once

#include <termios.h>

#include "harness.hpp"

namespace sandbox::test {

class Terminal {
  public:
    /// @param rows, columns  the window's size before the command starts
    explicit Terminal(const Arguments& arguments, const RunOptions& options = {}, unsigned short rows = 24,
                      unsigned short columns = 80);
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    void send(const std::string& keys);
    /// Waits until `text` is shown behind what was expected before. @return whether it came in time
    bool expect(const std::string& text, milliseconds timeout = seconds{10});
    void resize(unsigned short rows, unsigned short columns);
    /// The settings of the terminal that the command was started on.
    [[nodiscard]] termios settings() const;
    void signal(int number) const;
    [[nodiscard]] pid_t pid() const { return pid_; }
    /// Everything shown so far.
    [[nodiscard]] const std::string& screen() const { return screen_; }
    /// The command's end: exit status or 128 + signal; -1 where it does not come in time.
    int wait(milliseconds timeout = seconds{20});

  private:
    bool read_some(milliseconds timeout);

    int master_ = -1;
    int slave_ = -1; ///< kept open: the settings outlive the command
    pid_t pid_ = -1;
    std::string screen_;
    std::size_t seen_ = 0;
    bool ended_ = false;
};

bool same_settings(const termios& a, const termios& b);

} // namespace sandbox::test
