// SPDX-License-Identifier: Apache-2.0
// Configuration files: each line that is taken is applied, unless its value is a path that is opened at once.
#include <algorithm>
#include <array>

#include "cli/cli.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sandbox;
using fuzz::require;

namespace {

void check_config(const std::string& text) {
    constexpr std::array<std::string_view, 3> opens{"config", "env-file", "workspace"};
    Invocation invocation;
    for (const auto& [option, value] : parse_config(text, "the file")) {
        require(option != nullptr && find_option(std::string_view{option->name}) == option,
                "a line names an option");
        if (std::find(opens.begin(), opens.end(), option->name) == opens.end()) {
            option->apply(invocation, value, {"/here"});
        }
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::is_taken([&] { check_config(std::string{fuzz::text_of(data, size)}); });
    return 0;
}
