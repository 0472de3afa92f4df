// SPDX-License-Identifier: Apache-2.0
// make-completions SHELL TEMPLATE OUTPUT: a shell's completion file, its line @TABLES@ replaced by the option
// table.
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "shape.hpp"

namespace {

constexpr std::string_view mark = "@TABLES@\n";

std::string tables_for(std::string_view shell) {
    if (shell == "bash") {
        return sandbox::completions::bash_tables();
    }
    if (shell == "zsh") {
        return sandbox::completions::zsh_tables();
    }
    if (shell == "fish") {
        return sandbox::completions::fish_tables();
    }
    throw std::invalid_argument{std::string{shell} + ": no such shell"};
}

std::string read_template(const char* path) {
    std::ifstream file{path};
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) {
        throw std::runtime_error{std::string{path} + ": cannot be read"};
    }
    return text.str();
}

void make(std::string_view shell, const char* source, const char* output) {
    std::string text = read_template(source);
    const auto place = text.find(mark);
    if (place == std::string::npos) {
        throw std::runtime_error{std::string{source} + ": has no line @TABLES@"};
    }
    text.replace(place, mark.size(), tables_for(shell));
    std::ofstream file{output};
    file << text << std::flush;
    if (!file) {
        throw std::runtime_error{std::string{output} + ": cannot be written"};
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        (void)std::fputs("usage: make-completions bash|zsh|fish TEMPLATE OUTPUT\n", stderr);
        return 2;
    }
    try {
        make(argv[1], argv[2], argv[3]);
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "make-completions: %s\n", error.what());
        return 1;
    }
    return 0;
}
