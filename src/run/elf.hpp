// SPDX-License-Identifier: Apache-2.0
// What a program was built for, from the first bytes of its file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace sandbox {

/// "aarch64" and the like, as uname(2) names machines; empty where the bytes are no ELF header. elf(5). Pure.
/// @param header at least 20 bytes
std::string elf_machine(std::span<const std::uint8_t> header);

} // namespace sandbox
