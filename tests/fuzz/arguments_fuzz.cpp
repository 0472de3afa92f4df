// SPDX-License-Identifier: Apache-2.0
// Command lines, a word a line, as far as they are read without looking at the host.
#include <algorithm>

#include "cli/cli.hpp"
#include "spec/validate.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sandbox;
using fuzz::require;

namespace {

/// Options whose value is a path that is opened at once.
bool reads_the_host(const std::string& word) {
    return word.starts_with("--config") || word.starts_with("--env-file") || word.starts_with("--workspace");
}

void check_invocation(const Invocation& invocation) {
    if (invocation.command == "help") {
        require(!help_text(invocation.topic).empty(), "a topic has its help");
        return;
    }
    if (invocation.command == "version") {
        return;
    }
    require(find_command(invocation.command) != nullptr, "the command exists");
    if (invocation.command != "shell" && invocation.command != "run") {
        return; // no Spec
    }
    require(!invocation.spec.sandbox.image.empty(), "an image is named");
    validate(invocation.spec);
    const NetworkSpec& network = invocation.spec.sandbox.network;
    require(network.allowed.empty() || effective_network(invocation.spec.sandbox) == Network::slirp,
            "an allow-list without the network that obeys it is refused");
    require(network.mtu >= 1280 && network.mtu <= 65520, "the MTU is in its range");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> words;
    for (const std::string_view word : split(fuzz::text_of(data, size), '\n')) {
        // A NUL ends an argument of execve(2).
        words.emplace_back(word.substr(0, word.find('\0')));
    }
    if (std::any_of(words.begin(), words.end(), reads_the_host)) {
        return -1; // not for the corpus
    }
    fuzz::is_taken([&] { check_invocation(parse_invocation(words, {"/here"}, "")); });
    return 0;
}
