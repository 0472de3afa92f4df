// SPDX-License-Identifier: Apache-2.0
// Values of options whose parsers need nothing of their own: switches, spans, paths, words.
#include "cli/option_values.hpp"

#include <fcntl.h>

#include <boost/filesystem.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/parse.hpp"

namespace sandbox {

namespace {

/// A directory of the host by its real path, so that it is the same path inside.
std::string real_directory(const char* option, const std::string& value, const ParseContext& context) {
    boost::system::error_code failure;
    const boost::filesystem::path path = boost::filesystem::canonical(value, context.directory, failure);
    if (failure) {
        throw SystemError(failure.value(), "use", std::string{option} + " " + printable(value));
    }
    if (!boost::filesystem::is_directory(path, failure)) {
        throw UsageError(std::string{option} + " " + printable(value), "not a directory");
    }
    return path.string();
}

} // namespace

void refuse_value(const char* option, const std::string& value, const char* hint) {
    throw UsageError(std::string{option} + " " + printable(value), "not a valid value", hint);
}

bool switch_value(const char* option, const std::string& value) {
    if (value == "true" || value == "yes" || value == "on" || value == "1") {
        return true;
    }
    if (value == "false" || value == "no" || value == "off" || value == "0") {
        return false;
    }
    refuse_value(option, value, "a switch is true or false");
}

std::chrono::nanoseconds duration_value(const char* option, const std::string& value) {
    const auto span = parse_duration(value);
    if (!span) {
        refuse_value(option, value, "a number of seconds, or with s, m, h or d: for example 90s");
    }
    return *span;
}

void add_environment_file(Invocation& invocation, const std::string& path) {
    constexpr std::size_t limit = 16 << 20;
    std::vector<EnvironmentChange> changes;
    try {
        changes = parse_environment_file(read_file(AT_FDCWD, path, limit), path);
    } catch (const SystemError& error) {
        throw SystemError(error.code(), "read", "--env-file " + printable(path));
    }
    auto& all = invocation.spec.process.environment;
    all.insert(all.end(), changes.begin(), changes.end());
}

void add_workspace(Invocation& invocation, const std::string& value, const ParseContext& context) {
    const std::string directory = real_directory("--workspace", value, context);
    if (directory == "/") {
        throw UsageError("--workspace", "the root itself cannot be the workspace",
                         "name a directory: --workspace=DIR");
    }
    invocation.spec.sandbox.mounts.emplace_back(BindMount{directory, directory, false, "--workspace"});
    if (invocation.spec.process.working_directory.empty()) {
        invocation.spec.process.working_directory = directory;
    }
}

std::string path_value(const char* option, const std::string& value, const ParseContext& context) {
    if (value.empty()) {
        refuse_value(option, value, "a path");
    }
    if (value.front() != '/' && context.directory.empty()) {
        throw UsageError(std::string{option} + " " + printable(value),
                         "a relative path, and the working directory has no name", "give an absolute path");
    }
    return value.front() == '/' ? value : context.directory + "/" + value;
}

std::string file_value(const char* option, const std::string& value, const ParseContext& context) {
    if (value == "-") {
        throw UsageError(std::string{option} + " -", "stdout is the command's",
                         "name a file; ./- is one of that name");
    }
    return path_value(option, value, context);
}

void add_output(Invocation& invocation, const std::string& value) {
    if (invocation.command == "build") {
        invocation.build.outputs.push_back(value);
        return;
    }
    if (value.empty()) {
        refuse_value("--output", value, "a file, or - for stdout");
    }
    invocation.output = value;
}

void set_epoch(Invocation& invocation, const std::string& value) {
    invocation.build.epoch_of_git = value == "git";
    invocation.build.epoch = parse_number(value);
    if (!invocation.build.epoch_of_git && !invocation.build.epoch) {
        refuse_value("--epoch", value, "git, or a number of seconds since 1970");
    }
}

LogLevel log_level_value(const std::string& value) {
    if (value == "error") {
        return LogLevel::error;
    }
    if (value == "warn") {
        return LogLevel::warn;
    }
    if (value == "debug") {
        return LogLevel::debug;
    }
    refuse_value("--log-level", value, "it takes one of: error, warn, debug");
}

/// A zone's name goes into a path: only what names a file below zoneinfo.
std::string timezone_value(const std::string& value) {
    const bool clean =
        !value.empty() && value.front() != '/' && value.find("..") == std::string::npos &&
        value.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/") ==
            std::string::npos;
    if (!clean) {
        refuse_value("--tz", value, "local, or a zone such as Europe/Berlin");
    }
    return value;
}

} // namespace sandbox
