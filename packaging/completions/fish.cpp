// SPDX-License-Identifier: Apache-2.0
// The tables as calls of fish's `complete`.
#include <algorithm>

#include "shape.hpp"

namespace sandbox::completions {

namespace {

std::string quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : text) {
        result += c == '\'' || c == '\\' ? "\\" : "";
        result += c;
    }
    return result + "'";
}

std::string values_of(const ValueShape& shape) {
    std::vector<std::string> values = shape.words;
    switch (shape.kind) {
        case ValueShape::Kind::directory:
            values.emplace_back("(__fish_complete_directories)");
            break;
        case ValueShape::Kind::bind:
            values.emplace_back("(__sandbox_bind)");
            break;
        case ValueShape::Kind::variable:
            values.emplace_back("(set -xn)=");
            break;
        case ValueShape::Kind::file:
        case ValueShape::Kind::none:
        case ValueShape::Kind::text:
            break;
    }
    return joined(values, " ");
}

/// The commands that take the option.
std::string takers_of(const Option& option) {
    std::string names;
    for (const Command& command : command_table()) {
        const CommandShape shape = shape_of(command);
        if (std::find(shape.options.begin(), shape.options.end(), &option) != shape.options.end()) {
            names += std::string{" "} + command.name;
        }
    }
    return names;
}

std::string option_line(const Option& option) {
    const ValueShape shape = shape_of(option);
    std::string text =
        "complete -c sandbox -n " + quoted("__sandbox_takes" + takers_of(option)) + " -l " + option.name;
    if (option.letter != 0) {
        text += std::string{" -s "} + option.letter;
    }
    if (option.value == OptionValue::required) {
        text += shape.kind == ValueShape::Kind::file ? " -r -F" : " -x";
    }
    const std::string values = values_of(shape);
    if (!values.empty()) {
        text += " -a " + quoted(values);
    }
    return text + " -d " + quoted(option.help) + "\n";
}

std::string argument_line(const Command& command) {
    const CommandShape shape = shape_of(command);
    const std::string start =
        "complete -c sandbox -n " + quoted(std::string{"__sandbox_argument_of "} + command.name);
    switch (shape.argument) {
        case CommandShape::Argument::image:
            return start + " -F -a 'host (__sandbox_stored)'\n";
        case CommandShape::Argument::stored:
            return start + " -a '(__sandbox_stored)'\n";
        case CommandShape::Argument::file:
            return start + " -F\n";
        case CommandShape::Argument::command:
            return start + " -a '(__sandbox_commands)'\n";
        case CommandShape::Argument::nothing:
            break;
    }
    return "";
}

} // namespace

std::string fish_tables() {
    std::vector<std::string> valued;
    std::string options;
    for (const Option& option : option_table()) {
        options += option_line(option);
        if (option.value == OptionValue::required) {
            for (const std::string& spelling : spellings(option)) {
                valued.push_back(spelling);
            }
        }
    }
    std::string names;
    std::string commands;
    std::string arguments;
    for (const Command& command : command_table()) {
        names += std::string{"    echo "} + command.name + "\n";
        commands += std::string{"complete -c sandbox -n __sandbox_needs_command -a "} + command.name +
                    " -d " + quoted(command.summary) + "\n";
        arguments += argument_line(command);
    }
    return "# The options that take the next word.\nfunction __sandbox_valued\n    string split ' ' -- " +
           quoted(joined(valued, " ")) + "\nend\n\nfunction __sandbox_commands\n" + names +
           "end\n\nset -g __sandbox_has_images " + (has_stored_images() ? "yes" : "no") + "\n\n" + commands +
           "\n" + arguments + "\n" + options;
}

} // namespace sandbox::completions
