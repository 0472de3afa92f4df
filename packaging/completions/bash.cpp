// SPDX-License-Identifier: Apache-2.0
// The tables as two bash functions, which set variables of their caller.
#include "base/text.hpp"
#include "shape.hpp"

namespace sandbox::completions {

namespace {

const char* word_for(ValueShape::Kind kind) {
    switch (kind) {
        case ValueShape::Kind::none:
            return "switch";
        case ValueShape::Kind::file:
            return "file";
        case ValueShape::Kind::directory:
            return "directory";
        case ValueShape::Kind::bind:
            return "bind";
        case ValueShape::Kind::variable:
            return "variable";
        case ValueShape::Kind::text:
            break;
    }
    return "text";
}

const char* word_for(CommandShape::Argument argument) {
    switch (argument) {
        case CommandShape::Argument::image:
            return "image";
        case CommandShape::Argument::stored:
            return "stored";
        case CommandShape::Argument::file:
            return "file";
        case CommandShape::Argument::command:
            return "command";
        case CommandShape::Argument::nothing:
            break;
    }
    return "nothing";
}

std::string option_case(const Option& option) {
    const ValueShape shape = shape_of(option);
    std::string text = "    " + joined(spellings(option), " | ") + ") kind=" + word_for(shape.kind);
    if (option.value == OptionValue::after_equals) {
        text += " after_equals=yes";
    }
    if (!shape.words.empty()) {
        text += " values='" + joined(shape.words, " ") + "'";
    }
    return text + " ;;\n";
}

std::string command_case(const Command& command) {
    const CommandShape shape = shape_of(command);
    std::vector<std::string> names;
    for (const Option* option : shape.options) {
        for (const std::string& spelling : spellings(*option)) {
            names.push_back(spelling);
        }
    }
    names.emplace_back("--help");
    return std::string{"    "} + command.name + ")\n        argument=" + word_for(shape.argument) +
           " runs_command=" + (shape.runs_command ? "yes" : "") + "\n        options='" + joined(names, " ") +
           "'\n        ;;\n";
}

} // namespace

std::string bash_tables() {
    std::vector<std::string> names;
    std::vector<std::string> all_options;
    std::string commands;
    for (const Command& command : command_table()) {
        names.emplace_back(command.name);
        commands += command_case(command);
    }
    std::string options;
    for (const Option& option : option_table()) {
        all_options.push_back("--" + std::string{option.name});
        options += option_case(option);
    }
    return "# Sets kind, values and after_equals for an option.\n"
           "_sandbox_option() {\n    kind='' values='' after_equals=''\n    case $1 in\n" +
           options +
           "    *) return 1 ;;\n    esac\n}\n\n"
           "# Sets argument, runs_command and options for a command; before one, all options go.\n"
           "_sandbox_command() {\n    argument=command runs_command=''\n    options='" +
           joined(all_options, " ") + " --help --version'\n    commands='" + joined(names, " ") +
           "'\n    case $1 in\n" + commands + "    esac\n}\n\n" +
           "_sandbox_has_images=" + (has_stored_images() ? "yes" : "''") + "\n";
}

} // namespace sandbox::completions
