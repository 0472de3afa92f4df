// SPDX-License-Identifier: Apache-2.0
// The one table of options: parser, --help, config files, man page and completions all follow it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "spec/build_spec.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// Everything a command line says.
struct Invocation {
    std::string command; ///< of command_table(), or "version"
    std::string topic;   ///< help: the command it is asked about; may be empty
    Spec spec;
    BuildSpec build;                ///< build: what else it takes
    std::vector<std::string> words; ///< import, images, rmi, prune: what follows the options
    std::string image_name;         ///< --name
    std::string root;               ///< --root; empty: the default store
    std::string shared_root;        ///< --shared-root; empty: none
    bool shareable = false;         ///< --shareable
    std::string output;             ///< --output; empty or "-": stdout
    LogLevel log_level = LogLevel::warn;
    std::vector<std::string> config_files; ///< --config
};

/// What values are read against.
struct ParseContext {
    std::string directory; ///< the working directory, for relative paths; may be empty
};

enum class OptionValue {
    none,         ///< a switch
    required,     ///< --name VALUE or --name=VALUE
    after_equals, ///< --name or --name=VALUE; never the next word
};

enum class OptionGroup { build, files, process, network, isolation, limits, root, general };

struct Option {
    const char* name; ///< long name without dashes
    char letter;      ///< short name, or 0
    OptionValue value;
    const char* value_name;    ///< for --help
    const char* default_value; ///< after_equals: what the bare --name means
    const char* help;          ///< one line
    OptionGroup group;
    /// Stores a value; throws UsageError. Switches get "true" or, from a config file, what stands there.
    void (*apply)(Invocation& invocation, const std::string& value, const ParseContext& context);
};

/// In the order of --help.
std::span<const Option> option_table();

/// nullptr where there is none.
const Option* find_option(std::string_view name);
const Option* find_option(char letter);

enum class CommandKind {
    start, ///< starts something in IMAGE
    build, ///< the same in a fixed world
    store, ///< works on the store
    pack,  ///< writes IMAGE as a tar
    doctor,
    help,
};

struct Command {
    const char* name;
    const char* usage; ///< what follows "sandbox NAME"
    const char* summary;
    CommandKind kind;
};

std::span<const Command> command_table();
const Command* find_command(std::string_view name);

/// Whether an option means anything to a command.
bool takes_option(const Command& command, const Option& option);

} // namespace sandbox
