// SPDX-License-Identifier: Apache-2.0
// What a program was built for.
#include "run/elf.hpp"

#include <elf.h>

#include <cstring>

namespace sandbox {

namespace {

struct MachineName {
    unsigned machine;
    const char* name;
};
constexpr MachineName machines[] = {{EM_386, "i386"},        {EM_X86_64, "x86_64"}, {EM_ARM, "arm"},
                                    {EM_AARCH64, "aarch64"}, {EM_S390, "s390x"},    {EM_RISCV, "riscv"},
                                    {EM_MIPS, "mips"},       {258, "loongarch"}};

} // namespace

std::string elf_machine(std::span<const std::uint8_t> header) {
    if (header.size() < 20 || std::memcmp(header.data(), ELFMAG, SELFMAG) != 0) {
        return {};
    }
    const bool big_endian = header[EI_DATA] == ELFDATA2MSB;
    const unsigned machine = big_endian ? header[18] * 256U + header[19] : header[19] * 256U + header[18];
    // In uname(2)'s words, which name the byte order and the width where it matters.
    if (machine == EM_PPC64) {
        return big_endian ? "ppc64" : "ppc64le";
    }
    if (header[EI_CLASS] == ELFCLASS64 && (machine == EM_RISCV || machine == EM_MIPS || machine == 258)) {
        return (machine == EM_RISCV  ? "riscv"
                : machine == EM_MIPS ? "mips"
                                     : "loongarch") +
               std::string{"64"};
    }
    for (const auto& [number, name] : machines) {
        if (number == machine) {
            return name;
        }
    }
    return "machine number " + std::to_string(machine);
}

} // namespace sandbox
