// SPDX-License-Identifier: Apache-2.0
// The default filter against libseccomp's: the same sections, its own numbers, its own program; one verdict.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "bpf_machine.hpp"
#include "seccomp/default_filter.hpp"
#include "seccomp/program.hpp"

namespace sandbox::test {
namespace {

using Program = std::vector<sock_filter>;

struct Machine {
    FilterArchitecture architecture;
    std::uint32_t audit;
    std::uint32_t libseccomp;
};
constexpr Machine machines[] = {{FilterArchitecture::x86_64, AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64},
                                {FilterArchitecture::i386, AUDIT_ARCH_I386, SCMP_ARCH_X86},
                                {FilterArchitecture::aarch64, AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64}};

constexpr std::uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t missing = SECCOMP_RET_ERRNO | ENOSYS;
constexpr int last_number = 600;

std::string table(const char* name) {
    return read_file(AT_FDCWD, std::string{SANDBOX_SECCOMP_TABLES} + "/" + name);
}

const FilterProfile& profile() {
    static const FilterProfile read = read_profile(table("syscalls.txt"), table("default.txt"));
    return read;
}

/// Ours, as the build makes it, for a root with these capabilities.
Program our_filter(FilterArchitecture architecture, std::uint64_t capabilities) {
    using enum FilterArchitecture;
    const auto architectures = architecture == aarch64 ? std::vector{aarch64} : std::vector{x86_64, i386};
    Program program;
    for (const FilterInstruction& instruction : compile_filter(profile(), architectures)) {
        program.push_back(instruction.code);
        if ((instruction.capabilities & capabilities) != 0) {
            program.back().k = SECCOMP_RET_ALLOW;
        }
    }
    return program;
}

/// A filter of libseccomp's for one architecture.
class Reference {
  public:
    Reference(const Machine& machine, std::uint32_t otherwise)
        : context_(::seccomp_init(otherwise)), otherwise_(otherwise) {
        if (::seccomp_arch_native() != machine.libseccomp) {
            EXPECT_EQ(::seccomp_arch_add(context_.get(), machine.libseccomp), 0);
            EXPECT_EQ(::seccomp_arch_remove(context_.get(), SCMP_ARCH_NATIVE), 0);
        }
    }

    void add(const std::string& name, std::uint32_t action, const std::vector<scmp_arg_cmp>& tests = {}) {
        if (action != otherwise_) {
            const int number = ::seccomp_syscall_resolve_name(name.c_str());
            EXPECT_EQ(::seccomp_rule_add_array(context_.get(), action, number,
                                               static_cast<unsigned>(tests.size()), tests.data()),
                      0)
                << name;
        }
    }

    [[nodiscard]] Program program() const {
        const UniqueFd file{::memfd_create("filter", MFD_CLOEXEC)};
        EXPECT_EQ(::seccomp_export_bpf(context_.get(), file.get()), 0);
        EXPECT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
        const std::string bytes = read_all(file.get(), "filter");
        Program program(bytes.size() / sizeof(sock_filter));
        std::memcpy(program.data(), bytes.data(), program.size() * sizeof(sock_filter));
        return program;
    }

  private:
    struct Release {
        void operator()(void* context) const { ::seccomp_release(context); }
    };
    std::unique_ptr<void, Release> context_;
    std::uint32_t otherwise_;
};

/// By number: on i386 the numbers of sockets' names are made up, for there was socketcall(2) alone once.
std::string library_name(const Machine& machine, unsigned number) {
    const std::unique_ptr<char, decltype(&std::free)> name{
        ::seccomp_syscall_resolve_num_arch(machine.libseccomp, static_cast<int>(number)), &std::free};
    return name != nullptr ? name.get() : "";
}

std::uint32_t action_of(const FilterVerdict& verdict, std::uint64_t capabilities) {
    if ((verdict.capabilities & capabilities) != 0) {
        return SCMP_ACT_ALLOW;
    }
    return verdict.answer == FilterAnswer::allow  ? SCMP_ACT_ALLOW
           : verdict.answer == FilterAnswer::deny ? SCMP_ACT_ERRNO(EPERM)
                                                  : SCMP_ACT_ERRNO(ENOSYS);
}

bool looks_at_argument(const FilterVerdict& verdict, std::uint64_t capabilities) {
    return verdict.test != ArgumentTest::none && (verdict.capabilities & capabilities) == 0;
}

/// The rules for one call whose argument decides, on a filter of its own.
Program reference_for_call(const Machine& machine, const std::string& name, const FilterVerdict& verdict) {
    constexpr std::uint64_t low_half = 0xffffffff;
    const bool lists_allowed = verdict.test != ArgumentTest::refused_values;
    Reference reference{machine, lists_allowed ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW};
    for (const std::uint32_t value : verdict.values) {
        const bool bits = verdict.test == ArgumentTest::refused_bits;
        reference.add(name, lists_allowed ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM),
                      {SCMP_CMP64(verdict.argument, SCMP_CMP_MASKED_EQ, bits ? value : low_half,
                                  bits ? std::uint64_t{0} : value)});
    }
    return reference.program();
}

/// Each value that the rule names, its neighbours, each single bit, and all of these with the upper half set.
std::set<std::uint64_t> interesting_values(const FilterVerdict& verdict) {
    std::set<std::uint64_t> values{0, 1, 0x11, 0x1200011, 0xfffffffe, 0xffffffff};
    for (const std::uint32_t value : verdict.values) {
        values.insert({value, value - 1U, value + 1U});
    }
    for (unsigned bit = 0; bit < 32; ++bit) {
        values.insert(std::uint64_t{1} << bit);
    }
    for (const std::uint64_t value : std::set<std::uint64_t>{values}) {
        values.insert(value | 0x100000000);
        values.insert(value | 0xffffffff00000000);
    }
    return values;
}

seccomp_data call_of(std::uint32_t architecture, int number) {
    seccomp_data call{};
    call.arch = architecture;
    call.nr = number;
    return call;
}

class FilterOf : public ::testing::TestWithParam<Machine> {
  protected:
    void compare(std::uint64_t capabilities) {
        const Machine& machine = GetParam();
        const Program ours = our_filter(machine.architecture, capabilities);
        Reference plain{machine, SCMP_ACT_ERRNO(ENOSYS)};
        std::map<int, std::pair<std::string, FilterVerdict>> by_argument;
        std::set<int> unknown; // to this libseccomp, or to the kernel: what is never made, is never decided
        for (const auto& [number, name] : profile().numbers.at(machine.architecture)) {
            const FilterVerdict& verdict = profile().verdicts.at(name);
            if (library_name(machine, number) != name || verdict.answer == FilterAnswer::never) {
                unknown.insert(static_cast<int>(number));
            } else if (looks_at_argument(verdict, capabilities)) {
                by_argument.try_emplace(static_cast<int>(number), name, verdict);
            } else {
                plain.add(name, action_of(verdict, capabilities));
            }
        }
        EXPECT_LT(unknown.size(), 50U);
        const Program theirs = plain.program();
        for (int number = 0; number <= last_number; ++number) {
            const auto tested = by_argument.find(number);
            if (tested != by_argument.end()) {
                compare_values(ours, number, tested->second.first, tested->second.second);
            } else if (!unknown.contains(number)) {
                const seccomp_data call = call_of(machine.audit, number);
                EXPECT_EQ(run_filter(ours, call), run_filter(theirs, call)) << "call number " << number;
            }
        }
    }

  private:
    static void compare_values(const Program& ours, int number, const std::string& name,
                               const FilterVerdict& verdict) {
        const Program theirs = reference_for_call(GetParam(), name, verdict);
        for (const std::uint64_t value : interesting_values(verdict)) {
            seccomp_data call = call_of(GetParam().audit, number);
            call.args[verdict.argument] = value;
            if (GetParam().architecture == FilterArchitecture::i386) {
                call.args[verdict.argument] &= 0xffffffff; // its registers have no more
            }
            EXPECT_EQ(run_filter(ours, call), run_filter(theirs, call)) << name << " " << std::hex << value;
        }
    }
};

std::string machine_name(const ::testing::TestParamInfo<Machine>& machine) {
    constexpr const char* names[] = {"x86_64", "i386", "aarch64"};
    return names[static_cast<unsigned>(machine.param.architecture)];
}

} // namespace

TEST_P(FilterOf, DecidesEveryCallAsLibseccompDoes) {
    compare(0);
}

TEST_P(FilterOf, DecidesSoForADefaultRoot) {
    compare(std::uint64_t{1} << CAP_SYS_CHROOT);
}

TEST_P(FilterOf, DecidesSoForARootWithEveryCapability) {
    compare(~std::uint64_t{0});
}

TEST_P(FilterOf, AnswersUnknownNumbersWithEnosys) {
    const Program ours = our_filter(GetParam().architecture, ~std::uint64_t{0});
    for (const int number : {470, 1000, 0x3fffffff}) {
        EXPECT_EQ(run_filter(ours, call_of(GetParam().audit, number)), missing) << number;
    }
    EXPECT_EQ(run_filter(ours, call_of(GetParam().audit, -1)), missing);
}

INSTANTIATE_TEST_SUITE_P(Machines, FilterOf, ::testing::ValuesIn(machines), machine_name);

TEST(DefaultFilter, RefusesX32) {
    const Program ours = our_filter(FilterArchitecture::x86_64, ~std::uint64_t{0});
    for (int number = 0; number <= last_number; ++number) {
        EXPECT_EQ(run_filter(ours, call_of(AUDIT_ARCH_X86_64, 0x40000000 | number)), missing) << number;
    }
}

TEST(DefaultFilter, EndsWhoComesThroughAnotherArchitecture) {
    EXPECT_EQ(run_filter(our_filter(FilterArchitecture::x86_64, 0), call_of(AUDIT_ARCH_AARCH64, 0)),
              SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(run_filter(our_filter(FilterArchitecture::aarch64, 0), call_of(AUDIT_ARCH_ARM, 0)),
              SECCOMP_RET_KILL_PROCESS);
}

TEST(DefaultFilter, IsWhatTheBuildMade) {
    Program memory;
    const auto built = default_filter(0, false, memory);
    if (built.empty()) {
        GTEST_SKIP() << "no table of system calls for this architecture";
    }
    EXPECT_TRUE(memory.empty());
    const Machine& machine = *std::find_if(std::begin(machines), std::end(machines), [](const Machine& one) {
        return one.libseccomp == ::seccomp_arch_native();
    });
    const Program compiled = our_filter(machine.architecture, 0);
    ASSERT_EQ(built.size(), compiled.size());
    EXPECT_EQ(std::memcmp(built.data(), compiled.data(), built.size_bytes()), 0);
    const Program opened = our_filter(machine.architecture, ~std::uint64_t{0});
    const auto changed = default_filter(~std::uint64_t{0}, false, memory);
    EXPECT_EQ(std::memcmp(changed.data(), opened.data(), changed.size_bytes()), 0);
}

TEST(DefaultFilter, ReportsWhatItWouldDenyAndStillHidesClone3) {
    Program memory;
    const auto filter = default_filter(0, true, memory);
    if (filter.empty()) {
        GTEST_SKIP() << "no table of system calls for this architecture";
    }
    const std::uint32_t native =
        ::seccomp_arch_native() == SCMP_ARCH_X86_64 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64;
    EXPECT_EQ(run_filter(filter, call_of(native, SCMP_SYS(mount))), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(run_filter(filter, call_of(native, SCMP_SYS(read))), SECCOMP_RET_ALLOW);
    EXPECT_EQ(run_filter(filter, call_of(native, SCMP_SYS(clone3))), missing);
}

TEST(DefaultFilter, IsShort) {
    // What the kernel does with it when it is loaded is the price of a start.
    EXPECT_LT(our_filter(FilterArchitecture::x86_64, 0).size(), 300U);
}

TEST(SyscallName, IsTheTables) {
    if (default_filter_table().instructions.empty()) {
        GTEST_SKIP() << "no table of system calls for this architecture";
    }
    const std::uint32_t native =
        ::seccomp_arch_native() == SCMP_ARCH_X86_64 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64;
    EXPECT_EQ(syscall_name(native, SCMP_SYS(read)), "read");
    EXPECT_EQ(syscall_name(native, SCMP_SYS(openat2)), "openat2");
    EXPECT_EQ(syscall_name(native, 469), "file_setattr");
    EXPECT_EQ(syscall_name(native, 470), "call number 470");
    EXPECT_EQ(syscall_name(native, 400), "call number 400");
    EXPECT_EQ(syscall_name(native, -1), "call number -1");
}

TEST(FilterTables, RefuseWhatIsInOneOfThemOnly) {
    EXPECT_THROW((void)read_profile("read 0 3 63\n", "[allow]\n"), std::runtime_error);
    EXPECT_THROW((void)read_profile("read 0 3 63\n", "[allow]\nread write\n"), std::runtime_error);
    EXPECT_THROW((void)read_profile("read 0 3 63\n", "[allow]\nread\n[deny]\nread\n"), std::runtime_error);
    EXPECT_NO_THROW((void)read_profile("read 0 3 63\n", "[allow]\nread\n"));
}

TEST(FilterTables, RefuseSectionsTheyDoNotUnderstand) {
    for (const char* heading : {"[alow]", "[allow unless arg9 is 1]", "[allow with CAP_FLY]",
                                "[allow if arg0 has 1]", "[allow unless arg0 is]", "[deny it]"}) {
        EXPECT_THROW((void)read_profile("read 0 3 63\n", std::string{heading} + "\nread\n"),
                     std::runtime_error)
            << heading;
    }
}

} // namespace sandbox::test
