// SPDX-License-Identifier: Apache-2.0
// check() for calls made on behalf of an archive's entry: names it, and puts the usual causes in words.
#pragma once

#include <cerrno>
#include <concepts>
#include <string>
#include <string_view>

namespace sandbox::unpack {

/// Throws for a call that failed with `code`: UsageError for a full disk and for entries below something that
/// is no directory, else SystemError "cannot ACTION: ...".
[[noreturn]] void throw_entry_error(int code, std::string_view action, const std::string& path);

/// As sandbox::check().
template <std::signed_integral T>
T check_entry(T result, std::string_view action, const std::string& path) {
    if (result < 0) {
        throw_entry_error(errno, action, path);
    }
    return result;
}

} // namespace sandbox::unpack
