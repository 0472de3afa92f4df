// SPDX-License-Identifier: Apache-2.0
// The tables as completions see them.
#include "shape.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace sandbox::completions {

namespace {

bool is_plain_word(std::string_view text) {
    return !text.empty() &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

ValueShape::Kind kind_of_placeholder(std::string_view name) {
    using Kind = ValueShape::Kind;
    if (name == "FILE" || name == "PATH") {
        return Kind::file;
    }
    if (name == "DIR") {
        return Kind::directory;
    }
    if (name.starts_with("SRC:")) {
        return Kind::bind;
    }
    return name == "NAME[=VALUE]" ? Kind::variable : Kind::text;
}

/// "[IMAGE]" is IMAGE, "NAME..." is NAME.
std::string_view bare(std::string_view word) {
    const auto begin = word.find_first_not_of("[.");
    const auto end = word.find_last_not_of("].");
    return begin == std::string_view::npos ? std::string_view{} : word.substr(begin, end + 1 - begin);
}

CommandShape::Argument argument_of(std::string_view word) {
    using Argument = CommandShape::Argument;
    if (word == "IMAGE") {
        return Argument::image;
    }
    if (word == "NAME") {
        return Argument::stored;
    }
    return word == "COMMAND" ? Argument::command : Argument::file;
}

} // namespace

ValueShape shape_of(const Option& option) {
    if (option.value == OptionValue::none) {
        return {ValueShape::Kind::none, {}};
    }
    ValueShape shape;
    for (const std::string_view part : split(option.value_name, '|')) {
        if (is_plain_word(part)) {
            shape.words.emplace_back(part);
        } else if (const auto kind = kind_of_placeholder(part); kind != ValueShape::Kind::text) {
            shape.kind = kind;
        }
    }
    return shape;
}

CommandShape shape_of(const Command& command) {
    CommandShape shape;
    bool has_argument = false;
    std::string_view value_of; // "--root DIR" in a usage line: DIR is the option's
    for (const std::string_view part : split(command.usage, ' ')) {
        const std::string_view word = bare(part);
        if (word == "OPTIONS") {
            for (const Option& option : option_table()) {
                if (takes_option(command, option)) {
                    shape.options.push_back(&option);
                }
            }
        } else if (word.starts_with("-") && word.size() > 2) {
            if (const Option* option = find_option(word.substr(word.find_first_not_of('-')))) {
                shape.options.push_back(option);
                value_of = option->value == OptionValue::required ? option->value_name : "";
            }
        } else if (!value_of.empty() && word == value_of) {
            value_of = {};
        } else if (!has_argument && !word.empty() && word.front() >= 'A' && word.front() <= 'Z') {
            has_argument = true;
            shape.argument = argument_of(word.substr(0, word.find('|')));
        } else if (has_argument && word == "COMMAND") {
            shape.runs_command = true;
        }
    }
    return shape;
}

std::vector<std::string> spellings(const Option& option) {
    std::vector<std::string> all;
    if (option.letter != 0) {
        all.push_back(std::string{"-"} + option.letter);
    }
    all.push_back(std::string{"--"} + option.name);
    return all;
}

std::string joined(const std::vector<std::string>& words, const char* between) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : between) + word;
    }
    return text;
}

bool has_stored_images() {
    return find_command("images") != nullptr;
}

} // namespace sandbox::completions
