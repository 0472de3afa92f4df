// SPDX-License-Identifier: Apache-2.0
// What the kernel does with a seccomp program, for the instructions that ours and libseccomp's have.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>

namespace sandbox::test {

/// Runs a program over one call. Documentation/networking/filter.rst of the kernel.
inline std::uint32_t run_filter(std::span<const sock_filter> program, const seccomp_data& call) {
    std::uint32_t accumulator = 0;
    for (std::size_t at = 0; at < program.size(); ++at) {
        const sock_filter& instruction = program[at];
        switch (instruction.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                if (instruction.k + sizeof accumulator > sizeof call) {
                    throw std::runtime_error("reads beyond the call");
                }
                std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + instruction.k,
                            sizeof accumulator);
                break;
            case BPF_ALU | BPF_AND | BPF_K:
                accumulator &= instruction.k;
                break;
            case BPF_JMP | BPF_JA:
                at += instruction.k;
                break;
            case BPF_JMP | BPF_JEQ | BPF_K:
                at += accumulator == instruction.k ? instruction.jt : instruction.jf;
                break;
            case BPF_JMP | BPF_JGE | BPF_K:
                at += accumulator >= instruction.k ? instruction.jt : instruction.jf;
                break;
            case BPF_JMP | BPF_JGT | BPF_K:
                at += accumulator > instruction.k ? instruction.jt : instruction.jf;
                break;
            case BPF_JMP | BPF_JSET | BPF_K:
                at += (accumulator & instruction.k) != 0 ? instruction.jt : instruction.jf;
                break;
            case BPF_RET | BPF_K:
                return instruction.k;
            default:
                throw std::runtime_error("an instruction that neither makes");
        }
    }
    throw std::runtime_error("the program runs off its end");
}

} // namespace sandbox::test
