// SPDX-License-Identifier: Apache-2.0
// Small pure functions on text: numbers, sizes, durations, fields. Each says in its optional whether the text
// was of the form; the caller knows the option or file to blame.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

/// A decimal number without sign, blanks or leading '+', at most `max`.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max = UINT64_MAX);

/// A decimal number with an optional leading '-'.
std::optional<std::int64_t> parse_signed(std::string_view text);

/// Permission bits in octal, at most 07777.
std::optional<unsigned> parse_mode(std::string_view text);

/// Bytes: a number with an optional suffix b, k, m, g or t (powers of 1024, either case), as in podman.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// A span of time as timeout(1) takes it: a decimal number (fractions allowed) with an optional s, m, h or d.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// The fields between separators; "a::b" has three, "" has one empty one.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Without blanks (space, tab, CR, LF) at either end.
std::string_view trim(std::string_view text);

/// Printable for a message: control bytes as \xNN, so that a hostile name cannot drive the terminal.
std::string printable(std::string_view text);

} // namespace sandbox
