// SPDX-License-Identifier: Apache-2.0
// The caller's terminal while a sandbox with one of its own runs: raw, proxied, given back as it was.
#pragma once

#include <poll.h>
#include <termios.h>

#include <string>

#include "base/signals.hpp"
#include "base/unique_fd.hpp"

namespace sandbox {

/// Gives the caller's terminal its settings back at the end, where a command without a terminal of its own
/// had it as one of its standard descriptors and may have changed them.
class TerminalKeeper {
  public:
    TerminalKeeper();
    ~TerminalKeeper();
    TerminalKeeper(const TerminalKeeper&) = delete;
    TerminalKeeper& operator=(const TerminalKeeper&) = delete;

  private:
    UniqueFd terminal_; ///< a copy of the descriptor: the original may be released meanwhile
    termios original_{};
};

/// Copies between the caller's stdin and stdout and the master of the sandbox's terminal. The destructor
/// gives the caller's terminal its settings back.
class TerminalProxy {
  public:
    /// Takes the master over, gives it the caller's window size, and makes the caller's terminal raw.
    explicit TerminalProxy(UniqueFd master);
    ~TerminalProxy();
    TerminalProxy(const TerminalProxy&) = delete;
    TerminalProxy& operator=(const TerminalProxy&) = delete;

    static constexpr int wait_count = 3;
    /// What to wait for now; `wait` has room for wait_count. After poll(2) they go to serve().
    void prepare(pollfd* wait) const;
    void serve(const pollfd* ready);

    /// Whether the reader of stdout has gone away, where that means SIGPIPE: then the sandbox is to end.
    [[nodiscard]] bool output_gone() const noexcept { return output_gone_; }
    /// Copies what is left of the sandbox's output, after its end, as far as that goes without waiting.
    /// @return whether there is more, for when output() can be written
    bool copy_rest();
    [[nodiscard]] int output() const noexcept { return output_.get(); }
    /// Passes the caller's window size on. For SIGWINCH.
    void resize();
    /// Gives the caller's terminal back for a while, and takes it again. For SIGTSTP and SIGCONT.
    void suspend();
    void resume();

  private:
    void make_raw();
    enum class Output { some, none, ended };
    Output copy_output();
    void flush_output();
    void copy_input();
    void flush_input();

    UniqueFd master_;
    UniqueFd
        output_; ///< stdout, non-blocking where it can be: a reader that stalls must not stop the supervisor
    bool output_blocks_ = false; ///< the caller's own description, where there can be no other
    SignalSource broken_pipe_;   ///< SIGPIPE, which would leave the caller's terminal raw
    termios original_{};
    bool has_terminal_ = false; ///< stdin is a terminal, `original_` its settings
    bool input_open_ = true;
    bool output_open_ = true;
    bool output_gone_ = false;
    bool hung_up_ = false;       ///< nobody held the sandbox's side when last looked
    std::string pending_input_;  ///< read from stdin, not yet taken by the master
    std::string pending_output_; ///< read from the master, not yet taken by stdout
};

} // namespace sandbox
