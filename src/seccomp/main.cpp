// SPDX-License-Identifier: Apache-2.0
// A program of the build: turns syscalls.txt and default.txt into the source of the default filter.
//
//   generate-seccomp SYSCALLS SECTIONS > default_filter.cpp
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "seccomp/profile.hpp"
#include "seccomp/program.hpp"

namespace sandbox {
namespace {

std::string read(const char* path) {
    const std::ifstream file{path};
    std::ostringstream text;
    text << file.rdbuf();
    if (!file || text.str().empty()) {
        throw std::runtime_error(std::string{path} + ": cannot be read");
    }
    return text.str();
}

void print_filter(std::ostream& out, const std::vector<FilterInstruction>& program) {
    out << "constexpr sock_filter instructions[] = {\n";
    for (const FilterInstruction& instruction : program) {
        const sock_filter& code = instruction.code;
        out << "{" << code.code << "," << unsigned{code.jt} << "," << unsigned{code.jf} << "," << code.k
            << "U},\n";
    }
    out << "};\nconstexpr FilterGate gates[] = {\n";
    for (std::size_t i = 0; i < program.size(); ++i) {
        if (program[i].capabilities != 0) {
            out << "{" << i << "," << program[i].capabilities << "U},\n";
        }
    }
    out << "};\n";
}

/// One after the other by number, each closed by a NUL: pointers would have to be relocated at every start.
void print_names(std::ostream& out, const FilterProfile& profile, FilterArchitecture architecture,
                 const char* name) {
    out << "constexpr char " << name << "[] =\n";
    unsigned next = 0;
    for (const auto& [number, text] : profile.numbers.at(architecture)) {
        for (; next < number; ++next) {
            out << "\"\\0\"";
        }
        out << "\"" << text << "\\0\"\n";
        ++next;
    }
    out << ";\n";
}

void generate(const FilterProfile& profile, std::ostream& out) {
    using enum FilterArchitecture;
    out << "// Generated from syscalls.txt and default.txt.\n"
           "#include \"seccomp/default_filter.hpp\"\n"
           "namespace sandbox {\nnamespace {\n#if defined(__x86_64__)\n";
    print_filter(out, compile_filter(profile, {x86_64, i386}));
    print_names(out, profile, x86_64, "native_names");
    print_names(out, profile, i386, "compatible_names");
    out << "#elif defined(__aarch64__)\n";
    print_filter(out, compile_filter(profile, {aarch64}));
    print_names(out, profile, aarch64, "native_names");
    out << "constexpr char compatible_names[] = \"\";\n#endif\n} // namespace\n"
           "#if defined(__x86_64__) || defined(__aarch64__)\n"
           "FilterTable default_filter_table() noexcept {\n"
           "    return {instructions, gates, {native_names, sizeof native_names}, {compatible_names, sizeof "
           "compatible_names}};\n}\n#else\n"
           "FilterTable default_filter_table() noexcept {\n    return {};\n}\n#endif\n} // namespace "
           "sandbox\n";
}

} // namespace
} // namespace sandbox

int main(int argc, char** argv) {
    try {
        if (argc != 3) {
            throw std::runtime_error("usage: generate-seccomp SYSCALLS SECTIONS");
        }
        sandbox::generate(sandbox::read_profile(sandbox::read(argv[1]), sandbox::read(argv[2])), std::cout);
        return std::cout.flush() ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << "generate-seccomp: " << error.what() << '\n';
        return 1;
    }
}
