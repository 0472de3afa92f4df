// SPDX-License-Identifier: Apache-2.0
// --help, from the tables.
#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/cli.hpp"

namespace sandbox {

namespace {

struct GroupTitle {
    OptionGroup group;
    const char* title;
};
constexpr GroupTitle group_titles[] = {
    {OptionGroup::build, "The build"},
    {OptionGroup::files, "Files and mounts"},
    {OptionGroup::process, "The process"},
    {OptionGroup::network, "The network"},
    {OptionGroup::isolation, "Isolation"},
    {OptionGroup::limits, "Limits"},
    {OptionGroup::root, "The root and the store"},
    {OptionGroup::general, "General"},
};

std::string option_heading(const Option& option) {
    std::string text = option.letter != 0 ? std::string{"-"} + option.letter + ", " : "    ";
    text += std::string{"--"} + option.name;
    if (option.value == OptionValue::required) {
        text += std::string{" "} + option.value_name;
    } else if (option.value == OptionValue::after_equals) {
        text += std::string{"[="} + option.value_name + "]";
    }
    return text;
}

std::string option_list(const Command& command) {
    constexpr std::size_t column = 38;
    std::string text;
    for (const auto& [group, title] : group_titles) {
        std::string lines;
        for (const Option& option : option_table()) {
            if (option.group != group || !takes_option(command, option)) {
                continue;
            }
            std::string line = "  " + option_heading(option);
            line += line.size() + 2 > column ? "\n" + std::string(column, ' ')
                                             : std::string(column - line.size(), ' ');
            lines += line + option.help + "\n";
        }
        text += lines.empty() ? "" : "\n" + std::string{title} + ":\n" + lines;
    }
    return text + "      --help                          this text\n";
}

constexpr const char* image_help =
    "\nIMAGE is the name of a stored image; a root file system's tar (compressed or not), what docker\n"
    "save, podman save or skopeo made, or - for one of these on stdin; a directory that holds a root;\n"
    "or the word host for this machine's own root, read-only.\n";

constexpr const char* store_help =
    "\nNAME is written as in docker: alpine, team/app:v1. Without :TAG it is :latest.\n";

} // namespace

std::string help_text(const std::string& command) {
    if (!command.empty()) {
        const Command* found = find_command(command);
        if (found == nullptr) {
            throw UsageError("help " + printable(command), "no such command", "sandbox help lists them");
        }
        std::string text = "usage: sandbox " + command + " " + found->usage + "\n\n" + found->summary + "\n";
        if (found->kind == CommandKind::help) {
            return text;
        }
        const bool takes_image = found->kind == CommandKind::start || found->kind == CommandKind::pack ||
                                 found->kind == CommandKind::build;
        const bool of_store = found->kind == CommandKind::store;
        return text + (takes_image ? image_help : of_store ? store_help : "") + option_list(*found);
    }
    std::string text =
        "usage: sandbox COMMAND [OPTIONS] ...\n\nA rootless sandbox: a shell or a command in an image, "
        "without sudo.\n\n";
    for (const Command& entry : command_table()) {
        const std::string name = entry.name;
        text +=
            "  " + name + std::string(8 - std::min<std::size_t>(name.size(), 7), ' ') + entry.summary + "\n";
    }
    return text +
           "\n  sandbox shell alpine.tar                  a shell, root inside\n"
           "  sandbox run alpine.tar -- uname -a        one command\n"
           "  sandbox run --workspace host make         this machine's tools, only this directory writable\n"
           "\nsandbox help run lists all options; sandbox --version the version.\n";
}

} // namespace sandbox
