// SPDX-License-Identifier: Apache-2.0
// The tables as zsh functions of _arguments' specs. zshcompsys(1), "_arguments".
#include "shape.hpp"

namespace sandbox::completions {

namespace {

std::string escaped(const std::string& text, std::string_view specials) {
    std::string result;
    for (const char c : text) {
        result += specials.find(c) == std::string_view::npos ? "" : "\\";
        result += c;
    }
    return result;
}

std::string quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : text) {
        result += c == '\'' ? std::string{"'\\''"} : std::string{c};
    }
    return result + "'";
}

std::string paths_of(ValueShape::Kind kind) {
    switch (kind) {
        case ValueShape::Kind::file:
            return "_files";
        case ValueShape::Kind::directory:
            return "_files -/";
        case ValueShape::Kind::bind:
            return "_sandbox_bind";
        case ValueShape::Kind::variable:
            return "_sandbox_variable";
        case ValueShape::Kind::none:
        case ValueShape::Kind::text:
            break;
    }
    return " ";
}

std::string action_of(const ValueShape& shape) {
    if (shape.words.empty()) {
        return paths_of(shape.kind);
    }
    const std::string words = joined(shape.words, " ");
    const bool words_only = shape.kind == ValueShape::Kind::text;
    return words_only
               ? "(" + words + ")"
               : "{_alternative \"words:word:(" + words + ")\" \"paths:path:" + paths_of(shape.kind) + "\"}";
}

/// One spec for each spelling, since "+" and "=" tell letters and names apart.
std::string specs_of(const Option& option) {
    const ValueShape shape = shape_of(option);
    std::string value;
    if (option.value != OptionValue::none) {
        value = std::string{option.value == OptionValue::after_equals ? "::" : ":"} +
                escaped(option.value_name, ":") + ":" + action_of(shape);
    }
    std::string text;
    for (const std::string& spelling : spellings(option)) {
        const bool is_long = spelling.starts_with("--");
        const char* join = option.value == OptionValue::none           ? ""
                           : option.value == OptionValue::after_equals ? "=-"
                           : is_long                                   ? "="
                                                                       : "+";
        std::string spec = "*";
        spec.append(spelling).append(join).append("[").append(escaped(option.help, "[]\\:"));
        text.append("        ").append(quoted(spec.append("]").append(value))).append("\n");
    }
    return text;
}

const char* action_of(CommandShape::Argument argument) {
    switch (argument) {
        case CommandShape::Argument::image:
            return "_sandbox_image";
        case CommandShape::Argument::stored:
            return "_sandbox_stored";
        case CommandShape::Argument::file:
            return "_files";
        case CommandShape::Argument::command:
            return "_sandbox_commands";
        case CommandShape::Argument::nothing:
            break;
    }
    return "";
}

std::string command_case(const Command& command) {
    const CommandShape shape = shape_of(command);
    std::string text = std::string{"    ("} + command.name + ")\n";
    if (shape.options.size() == option_table().size()) {
        text += "        _sandbox_all_options\n";
    } else {
        text += "        specs=(\n";
        for (const Option* option : shape.options) {
            text += specs_of(*option);
        }
        text += "        )\n";
    }
    if (shape.argument != CommandShape::Argument::nothing) {
        const char* many = shape.argument == CommandShape::Argument::stored ? "*:" : "1:";
        text += std::string{"        specs+=("} +
                quoted(many + std::string{"argument:"} + action_of(shape.argument)) + ")\n";
    }
    if (shape.runs_command) {
        text += "        specs+=('*:::command:_sandbox_inside')\n";
    }
    return text + "        ;;\n";
}

} // namespace

std::string zsh_tables() {
    std::string options;
    for (const Option& option : option_table()) {
        options += specs_of(option);
    }
    std::string commands;
    std::string cases;
    for (const Command& command : command_table()) {
        commands += "        " + quoted(command.name + (":" + escaped(command.summary, ":"))) + "\n";
        cases += command_case(command);
    }
    return "_sandbox_commands() {\n    local -a commands\n    commands=(\n" + commands +
           "    )\n    _describe -t commands command commands\n}\n\n"
           "_sandbox_all_options() {\n    specs=(\n" +
           options +
           "    )\n}\n\n# Sets specs for a command.\n"
           "_sandbox_command_specs() {\n    case $1 in\n" +
           cases + "    esac\n    specs+=('(- *)--help[the options]')\n}\n\n_sandbox_has_images=" +
           (has_stored_images() ? "yes" : "") + "\n";
}

} // namespace sandbox::completions
