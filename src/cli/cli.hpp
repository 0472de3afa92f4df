// SPDX-License-Identifier: Apache-2.0
// From argv and configuration files to an Invocation.
#pragma once

#include <string>
#include <vector>

#include "cli/options.hpp"

namespace sandbox {

/// Where user defaults are: $XDG_CONFIG_HOME/sandbox/sandbox.conf, or ~/.config/sandbox/sandbox.conf; empty
/// where neither variable is set.
std::string user_config_path(const std::string& xdg_config_home, const std::string& home);

/// Reads a command line. Later wins: user defaults, then --config files, then the command line; what may be
/// given several times adds up in that order. Throws UsageError.
/// @param arguments argv without the program's name
/// @param user_config path of the user's defaults; no such file is no error
Invocation parse_invocation(const std::vector<std::string>& arguments, const ParseContext& context,
                            const std::string& user_config);

/// One option as it was given.
struct GivenOption {
    const Option* option = nullptr;
    std::string value;
};

/// The lines of a configuration file. @param path for messages
std::vector<GivenOption> parse_config(const std::string& text, const std::string& path);

/// --help of everything, or of one command.
std::string help_text(const std::string& command);

} // namespace sandbox
