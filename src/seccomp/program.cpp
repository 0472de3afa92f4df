// SPDX-License-Identifier: Apache-2.0
// Ranges of numbers with one verdict each, and the tree over them.
#include "seccomp/program.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <map>
#include <utility>

namespace sandbox {

namespace {

constexpr std::uint32_t x32_bit = 0x40000000; // __X32_SYSCALL_BIT of asm/unistd.h
constexpr std::size_t longest_jump = 255;     // of a conditional one: the field has 8 bits

FilterInstruction statement(unsigned code, std::uint32_t k, std::uint64_t capabilities = 0) {
    return {{static_cast<std::uint16_t>(code), 0, 0, k}, capabilities};
}

/// Writes a program from its end to its beginning. Jumps lead forward, so every target has its place before
/// the jump to it is written, and a return that stands near enough serves again.
class Assembler {
  public:
    using Label = std::size_t; ///< of an instruction, counted from the end

    Label add(FilterInstruction instruction) {
        reversed_.push_back(instruction);
        return reversed_.size() - 1;
    }

    Label branch(unsigned test, std::uint32_t k, Label yes, Label no) {
        yes = within_reach(yes, 1); // a bridge for the other may come between
        no = within_reach(no, 0);
        const std::size_t place = reversed_.size();
        return add(
            {{static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), static_cast<std::uint8_t>(place - yes - 1),
              static_cast<std::uint8_t>(place - no - 1), k},
             0});
    }

    /// A load goes on to what stands next: `next`, wherever that is.
    Label load(std::size_t offset, Label next) {
        if (next + 1 != reversed_.size()) {
            bridge(next);
        }
        return add(statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
    }

    Label answer(FilterAnswer answer, std::uint64_t capabilities) {
        const auto key = std::pair{answer, capabilities};
        const auto known = answers_.find(key);
        if (known != answers_.end() && reversed_.size() - known->second < longest_jump) {
            return known->second;
        }
        const std::uint32_t value = answer == FilterAnswer::allow  ? SECCOMP_RET_ALLOW
                                    : answer == FilterAnswer::deny ? SECCOMP_RET_ERRNO | EPERM
                                                                   : SECCOMP_RET_ERRNO | ENOSYS;
        return answers_[key] = add(statement(BPF_RET | BPF_K, value, capabilities));
    }

    std::vector<FilterInstruction> finish() && {
        std::reverse(reversed_.begin(), reversed_.end());
        return std::move(reversed_);
    }

  private:
    Label bridge(Label target) {
        return add(statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(reversed_.size() - target - 1)));
    }

    Label within_reach(Label target, std::size_t reserve) {
        return reversed_.size() - target - 1 + reserve <= longest_jump ? target : bridge(target);
    }

    std::vector<FilterInstruction> reversed_;
    std::map<std::pair<FilterAnswer, std::uint64_t>, Label> answers_;
};

/// What follows once the number is known.
Assembler::Label leaf(Assembler& code, const FilterVerdict& verdict) {
    if (verdict.test == ArgumentTest::none) {
        return code.answer(verdict.answer, verdict.capabilities);
    }
    const Assembler::Label allowed = code.answer(FilterAnswer::allow, 0);
    const Assembler::Label denied = code.answer(FilterAnswer::deny, verdict.capabilities);
    const bool match_is_allowed = verdict.test == ArgumentTest::allowed_values;
    Assembler::Label next = match_is_allowed ? denied : allowed;
    for (const std::uint32_t value : verdict.values) {
        next = code.branch(verdict.test == ArgumentTest::refused_bits ? BPF_JSET : BPF_JEQ, value,
                           match_is_allowed ? allowed : denied, next);
    }
    // Little-endian, both machines: the lower half comes first.
    return code.load(offsetof(seccomp_data, args) + 8 * verdict.argument, next);
}

/// Numbers from `first` up to the next range's first.
struct Range {
    std::uint32_t first = 0;
    FilterVerdict verdict;
};

std::vector<Range> ranges_of(const FilterProfile& profile, FilterArchitecture architecture) {
    const auto& names = profile.numbers.at(architecture);
    const std::uint32_t end = std::prev(names.end())->first + 1;
    std::vector<Range> ranges;
    for (std::uint32_t number = 0; number <= end; ++number) {
        const auto name = names.find(number);
        const FilterVerdict verdict =
            name == names.end() ? FilterVerdict{} : profile.verdicts.at(name->second);
        if (verdict.answer == FilterAnswer::never && !ranges.empty()) {
            continue; // whatever the one before it gets
        }
        if (ranges.empty() || !(ranges.back().verdict == verdict)) {
            ranges.push_back({number, verdict});
        }
    }
    return ranges;
}

/// The tree over ranges [first, last). Split where both sides hold about as many numbers: the kernel works
/// out what each number gets when the filter is loaded, and long ranges are then near the top.
Assembler::Label tree(Assembler& code, const std::vector<Range>& ranges, std::size_t first,
                      std::size_t last) {
    if (last - first == 1) {
        return leaf(code, ranges[first].verdict);
    }
    const std::int64_t doubled_middle = std::int64_t{ranges[first].first} + ranges[last - 1].first;
    const auto distance = [&](std::size_t at) {
        return std::llabs(2 * std::int64_t{ranges[at].first} - doubled_middle);
    };
    std::size_t middle = first + 1;
    for (std::size_t i = first + 1; i < last; ++i) {
        middle = distance(i) < distance(middle) ? i : middle;
    }
    const Assembler::Label above = tree(code, ranges, middle, last);
    const Assembler::Label below = tree(code, ranges, first, middle);
    return code.branch(BPF_JGE, ranges[middle].first, above, below);
}

std::uint32_t audit_architecture(FilterArchitecture architecture) {
    switch (architecture) {
        case FilterArchitecture::x86_64:
            return AUDIT_ARCH_X86_64;
        case FilterArchitecture::i386:
            return AUDIT_ARCH_I386;
        case FilterArchitecture::aarch64:
            break;
    }
    return AUDIT_ARCH_AARCH64;
}

Assembler::Label filter_of(Assembler& code, const FilterProfile& profile, FilterArchitecture architecture) {
    const std::vector<Range> ranges = ranges_of(profile, architecture);
    Assembler::Label begin = tree(code, ranges, 0, ranges.size());
    if (architecture == FilterArchitecture::x86_64) {
        begin = code.branch(BPF_JGE, x32_bit, code.answer(FilterAnswer::missing, 0), begin);
    }
    return code.load(offsetof(seccomp_data, nr), begin);
}

} // namespace

std::vector<FilterInstruction> compile_filter(const FilterProfile& profile,
                                              const std::vector<FilterArchitecture>& architectures) {
    Assembler code;
    Assembler::Label next = code.add(statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    for (auto architecture = architectures.rbegin(); architecture != architectures.rend(); ++architecture) {
        const Assembler::Label filter = filter_of(code, profile, *architecture);
        next = code.branch(BPF_JEQ, audit_architecture(*architecture), filter, next);
    }
    code.load(offsetof(seccomp_data, arch), next);
    return std::move(code).finish();
}

} // namespace sandbox
