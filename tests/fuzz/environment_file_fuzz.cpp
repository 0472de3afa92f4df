// SPDX-License-Identifier: Apache-2.0
// --env-file, and what execve(2) would be given of it.
#include "spec/environment.hpp"
#include "spec/parse.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sandbox;
using fuzz::require;

namespace {

void check_environment(std::string_view text) {
    ProcessSpec process;
    process.clear_environment = true;
    process.environment = parse_environment_file(text, "the file");
    for (const EnvironmentChange& change : process.environment) {
        require(!change.name.empty() && change.name.find('=') == std::string::npos, "a name is one");
        require(change.name.find_first_of(" \t\n") == std::string::npos, "a name has no blanks");
    }
    for (const std::string& variable : build_environment(process, {}, {}).strings()) {
        require(variable.find('=') != std::string::npos && !variable.starts_with('='),
                "a variable is NAME=VALUE");
        require(variable.find('\0') == std::string::npos, "a variable has no NUL");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::is_taken([&] { check_environment(fuzz::text_of(data, size)); });
    return 0;
}
