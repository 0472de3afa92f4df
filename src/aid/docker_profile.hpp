// SPDX-License-Identifier: Apache-2.0
// Docker-format seccomp profiles (JSON) to programs for the kernel, by libseccomp.
#pragma once

#include <cstdint>
#include <string>

namespace sandbox::aid {

/// The bytes of a classic-BPF program for this machine. Sections whose "includes" or "excludes" name
/// capabilities are decided by `capabilities`, one bit each; those of other architectures and later kernels
/// are left out, and so are names of calls that libseccomp does not know. Where everything else is denied,
/// numbers above all that the profile names get ENOSYS, so that the C library falls back. Throws Error that
/// names what in the profile is wrong.
std::string compile_docker_profile(const std::string& json, std::uint64_t capabilities);

} // namespace sandbox::aid
