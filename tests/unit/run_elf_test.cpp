// SPDX-License-Identifier: Apache-2.0
// What machine a program was built for, in the words of uname(2): they are compared.
#include "run/elf.hpp"

#include <elf.h>
#include <gtest/gtest.h>

#include <array>

namespace sandbox {
namespace {

using Header = std::array<std::uint8_t, 20>;

Header header(unsigned machine, bool is_64_bit = true, bool big_endian = false) {
    Header bytes{0x7f, 'E', 'L', 'F'};
    bytes[EI_CLASS] = is_64_bit ? ELFCLASS64 : ELFCLASS32;
    bytes[EI_DATA] = big_endian ? ELFDATA2MSB : ELFDATA2LSB;
    bytes[big_endian ? 18 : 19] = static_cast<std::uint8_t>(machine >> 8);
    bytes[big_endian ? 19 : 18] = static_cast<std::uint8_t>(machine);
    return bytes;
}

TEST(ElfMachine, CommonOnesHaveTheKernelsNames) {
    EXPECT_EQ(elf_machine(header(EM_X86_64)), "x86_64");
    EXPECT_EQ(elf_machine(header(EM_AARCH64)), "aarch64");
    EXPECT_EQ(elf_machine(header(EM_S390, true, true)), "s390x");
    EXPECT_EQ(elf_machine(header(EM_386, false)), "i386");
    EXPECT_EQ(elf_machine(header(EM_ARM, false)), "arm");
}

// On such a host a damaged program of its own would be called another machine's.
TEST(ElfMachine, NamesFollowClassAndByteOrder) {
    EXPECT_EQ(elf_machine(header(EM_PPC64)), "ppc64le");
    EXPECT_EQ(elf_machine(header(EM_PPC64, true, true)), "ppc64");
    EXPECT_EQ(elf_machine(header(EM_RISCV)), "riscv64");
    EXPECT_EQ(elf_machine(header(258)), "loongarch64");
}

TEST(ElfMachine, OthersAreNumbers) {
    EXPECT_EQ(elf_machine(header(0x1234)), "machine number 4660");
    EXPECT_EQ(elf_machine(header(0x1234, true, true)), "machine number 4660");
}

TEST(ElfMachine, WhatIsNoElfHasNone) {
    EXPECT_EQ(elf_machine(Header{}), "");
    EXPECT_EQ(elf_machine(Header{'#', '!', '/'}), "");
    const Header whole = header(EM_X86_64);
    EXPECT_EQ(elf_machine(std::span{whole}.first(19)), "");
    EXPECT_EQ(elf_machine({}), "");
}

} // namespace
} // namespace sandbox
