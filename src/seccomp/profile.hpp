// SPDX-License-Identifier: Apache-2.0
// The default filter's tables as they are read at build time: syscalls.txt and default.txt.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

enum class FilterAnswer : std::uint8_t {
    allow,
    deny,    ///< EPERM
    missing, ///< ENOSYS
    never,   ///< the kernel has no such call: it says ENOSYS itself where the filter lets it
};

/// How the lower 32 bits of an argument decide.
enum class ArgumentTest : std::uint8_t {
    none,
    refused_values, ///< these are denied
    refused_bits,   ///< any of these is denied
    allowed_values, ///< all others are denied
};

/// What a section says of its calls.
struct FilterVerdict {
    FilterAnswer answer = FilterAnswer::missing; ///< for who has none of `capabilities`
    std::uint64_t capabilities = 0;              ///< one bit each: who has one of them is allowed everything
    ArgumentTest test = ArgumentTest::none;
    unsigned argument = 0;
    std::vector<std::uint32_t> values; ///< refused_bits: one mask

    bool operator==(const FilterVerdict&) const = default;
};

/// The architectures that there are filters for, in the order of the columns of syscalls.txt.
enum class FilterArchitecture : std::uint8_t { x86_64, i386, aarch64 };

/// Name to verdict, and name to number for each architecture.
struct FilterProfile {
    std::map<std::string, FilterVerdict, std::less<>> verdicts;
    std::map<FilterArchitecture, std::map<unsigned, std::string>> numbers;
};

/// Reads both tables; throws std::runtime_error that names the line: a call that is in one of them only, or
/// in two sections, is an error.
FilterProfile read_profile(std::string_view syscalls, std::string_view sections);

/// CAP_NAME of capabilities(7) to its bit; throws std::runtime_error for a name that it does not know.
std::uint64_t filter_capability(std::string_view name);

} // namespace sandbox
