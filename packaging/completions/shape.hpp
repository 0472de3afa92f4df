// SPDX-License-Identifier: Apache-2.0
// What a shell must know of the tables: which values an option takes, and what follows a command's name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/options.hpp"

namespace sandbox::completions {

/// What a value is, read off the name that --help gives it.
struct ValueShape {
    enum class Kind : std::uint8_t {
        none,      ///< a switch
        text,      ///< nothing that a shell could know
        file,      ///< FILE, PATH
        directory, ///< DIR
        bind,      ///< SRC:DST..., of which SRC is a path of the host
        variable,  ///< NAME[=VALUE], where NAME may be a variable of the caller's
    };
    Kind kind = Kind::text;
    std::vector<std::string> words; ///< the words among "a|b|FILE"
};

ValueShape shape_of(const Option& option);

/// What a command takes, read off its usage line.
struct CommandShape {
    enum class Argument : std::uint8_t {
        nothing,
        image,   ///< IMAGE: host, a stored image, an archive, a directory
        stored,  ///< NAME: a stored image
        file,    ///< FILE|...
        command, ///< COMMAND: one of sandbox's own
    };
    Argument argument = Argument::nothing;
    std::vector<const Option*> options;
    bool runs_command = false; ///< what follows the argument is a command's, not sandbox's
};

CommandShape shape_of(const Command& command);

/// "-v" and "--volume" of an option that has both.
std::vector<std::string> spellings(const Option& option);

std::string joined(const std::vector<std::string>& words, const char* between);

/// Whether there is `sandbox images`, which tells the names of stored images.
bool has_stored_images();

/// The generated part of each shell's file.
std::string bash_tables();
std::string zsh_tables();
std::string fish_tables();

} // namespace sandbox::completions
