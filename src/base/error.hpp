// SPDX-License-Identifier: Apache-2.0
// The two kinds of failure, and check(): the one idiom for system calls outside the child.
#pragma once

#include <cerrno>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sandbox {

/// A failure that ends the command. Printed by main as
///   sandbox: OBJECT: REASON
///   hint: HINT            (where there is one)
class Error : public std::runtime_error {
  public:
    Error(std::string_view object, std::string_view reason, std::string_view hint = {});

    /// What the failure is about: an option, a file, an archive's entry. May be empty.
    [[nodiscard]] const std::string& object() const noexcept { return object_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    /// One thing to do about it; empty where none is known.
    [[nodiscard]] const std::string& hint() const noexcept { return hint_; }
    /// What the process exits with: 125, or for a command that cannot be run 126 or 127.
    [[nodiscard]] int exit_status() const noexcept { return exit_status_; }

  protected:
    int exit_status_ = 125;

  private:
    std::string object_;
    std::string reason_;
    std::string hint_;
};

/// The user can mend it by changing the command, a file or an image.
class UsageError : public Error {
  public:
    using Error::Error;
};

/// The kernel or the host said no. `code` is an errno value.
class SystemError : public Error {
  public:
    /// Reason: "cannot ACTION: strerror(CODE)".
    SystemError(int code, std::string_view action, std::string_view object, std::string_view hint = {});

    [[nodiscard]] int code() const noexcept { return code_; }

  private:
    int code_;
};

/// The text of an errno value, as strerror_r(3) has it.
std::string error_text(int code);

[[noreturn]] void throw_errno(int code, std::string_view action, std::string_view object);

/// Passes on the result of a system call, or throws SystemError when it is negative.
///   UniqueFd root{check(::open(path, O_PATH | O_CLOEXEC), "open", path)};
/// @param action a verb phrase that follows "cannot".
template <std::signed_integral T>
T check(T result, std::string_view action, std::string_view object = {}) {
    if (result < 0) {
        throw_errno(errno, action, object);
    }
    return result;
}

} // namespace sandbox
