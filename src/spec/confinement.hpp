// SPDX-License-Identifier: Apache-2.0
// The values of the options that confine: capabilities, filter, resource limits. Pure; each parser throws
// UsageError that names the option and what it takes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "spec/spec.hpp"

namespace sandbox {

/// A name of capabilities(7) with or without CAP_, in either case, or "all". @return one bit each
std::uint64_t parse_capability(const char* option, std::string_view text);

/// "default", "log", "unconfined", or else a profile's path, taken from `directory` where it is relative.
SystemCallFilter parse_seccomp(std::string_view text, const std::string& directory);

/// NAME=SOFT[:HARD] as podman takes it, with the kernel's units (bytes, seconds, counts); "unlimited" or -1
/// is none.
ResourceLimit parse_ulimit(std::string_view text);

/// PATH[:PATH-INSIDE], both absolute.
DeviceMount parse_device(std::string_view text);

/// Processors, fractions allowed, at least 0.01. @return microseconds of processor time in each 100,000
std::uint64_t parse_cpus(std::string_view text);

/// PATH:RATE, the rate in bytes a second, with one of k, m, g, t. @param option "--device-read-bps" or its
/// kin
DeviceRate parse_device_rate(const char* option, std::string_view text);

/// Bytes for --memory, at least 1 MiB; a number of processes for --pids-limit, at least 1.
std::uint64_t parse_memory(std::string_view text);
std::uint64_t parse_pids_limit(std::string_view text);

} // namespace sandbox
