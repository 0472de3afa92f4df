// SPDX-License-Identifier: Apache-2.0
// What the option table needs to read values, besides the parsers of spec. Private to this room.
#pragma once

#include <chrono>
#include <string>

#include "cli/options.hpp"

namespace sandbox {

/// Throws UsageError about a value of an option ("--name").
[[noreturn]] void refuse_value(const char* option, const std::string& value, const char* hint);

bool switch_value(const char* option, const std::string& value);

std::chrono::nanoseconds duration_value(const char* option, const std::string& value);

/// As the caller means it, from anywhere; it need not be there.
std::string path_value(const char* option, const std::string& value, const ParseContext& context);

/// The same for a file that is written while the command runs: not "-", for stdout is the command's.
std::string file_value(const char* option, const std::string& value, const ParseContext& context);

/// --output and --epoch, which a command each takes in its own way.
void add_output(Invocation& invocation, const std::string& value);
void set_epoch(Invocation& invocation, const std::string& value);

LogLevel log_level_value(const std::string& value);

/// A zone's name, clean enough to go into a path; or "local".
std::string timezone_value(const std::string& value);

/// The changes that a file of variables makes.
void add_environment_file(Invocation& invocation, const std::string& path);

/// The bind mount of --workspace, and the directory to start in.
void add_workspace(Invocation& invocation, const std::string& value, const ParseContext& context);

} // namespace sandbox
