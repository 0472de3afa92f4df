// SPDX-License-Identifier: Apache-2.0
// The tables of options and commands are sound, and --help tells all of them.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "cli/cli.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::contains;
using test::refuses;

constexpr std::size_t help_columns = 100;

TEST(OptionTable, LongNamesAreUniqueAndPlain) {
    std::set<std::string> names{"help", "version"};
    for (const Option& option : option_table()) {
        const std::string name = option.name;
        EXPECT_TRUE(names.insert(name).second) << name;
        EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos) << name;
        EXPECT_GE(name.size(), 2U) << name;
    }
}

TEST(OptionTable, LettersAreUnique) {
    std::set<char> letters;
    for (const Option& option : option_table()) {
        EXPECT_TRUE(option.letter == 0 || letters.insert(option.letter).second) << option.letter;
    }
}

TEST(OptionTable, AnOptionWithAValueNamesIt) {
    for (const Option& option : option_table()) {
        EXPECT_EQ(option.value != OptionValue::none, option.value_name != nullptr) << option.name;
        EXPECT_EQ(option.value == OptionValue::after_equals, option.default_value != nullptr) << option.name;
        EXPECT_NE(option.apply, nullptr) << option.name;
    }
}

TEST(OptionTable, ALetterNeverHasAnOptionalValue) {
    for (const Option& option : option_table()) {
        EXPECT_TRUE(option.letter == 0 || option.value != OptionValue::after_equals) << option.name;
    }
}

TEST(OptionTable, IsFoundByNameAndByLetter) {
    for (const Option& option : option_table()) {
        EXPECT_EQ(find_option(std::string_view{option.name}), &option);
        if (option.letter != 0) {
            EXPECT_EQ(find_option(option.letter), &option);
        }
    }
    EXPECT_EQ(find_option(std::string_view{"nosuch"}), nullptr);
    EXPECT_EQ(find_option(std::string_view{""}), nullptr);
    EXPECT_EQ(find_option('\0'), nullptr);
}

TEST(OptionTable, SwitchesTakeATruthFromAFile) {
    for (const Option& option : option_table()) {
        if (option.value != OptionValue::none) {
            continue;
        }
        Invocation invocation;
        for (const char* value : {"true", "yes", "on", "1", "false", "no", "off", "0"}) {
            EXPECT_NO_THROW(option.apply(invocation, value, {})) << option.name << " " << value;
        }
        for (const char* value : {"", "maybe", "2", "TRUE "}) {
            EXPECT_TRUE(refuses([&] { option.apply(invocation, value, {}); }, option.name)) << option.name;
        }
    }
}

TEST(OptionTable, EveryOptionNamesItselfWhenItRefusesAValue) {
    for (const Option& option : option_table()) {
        Invocation invocation;
        const auto failure = test::failure_of([&] { option.apply(invocation, "", {}); });
        if (failure.thrown) {
            EXPECT_TRUE(contains(failure.message, std::string{"--"} + option.name))
                << option.name << ": " << failure.message;
        }
    }
}

TEST(CommandTable, NamesAreUniqueAndFound) {
    std::set<std::string> names;
    for (const Command& command : command_table()) {
        EXPECT_TRUE(names.insert(command.name).second) << command.name;
        EXPECT_EQ(find_command(command.name), &command);
    }
    EXPECT_EQ(find_command("nosuch"), nullptr);
}

TEST(Help, EveryOptionIsThere) {
    for (const Option& option : option_table()) {
        const auto commands = command_table();
        const auto taker = std::find_if(commands.begin(), commands.end(), [&option](const Command& command) {
            return command.kind != CommandKind::help && takes_option(command, option);
        });
        ASSERT_NE(taker, commands.end()) << option.name;
        const std::string text = help_text(taker->name);
        std::string heading = std::string{"--"} + option.name;
        if (option.value == OptionValue::required) {
            heading += std::string{" "} + option.value_name;
        } else if (option.value == OptionValue::after_equals) {
            heading += std::string{"[="} + option.value_name + "]";
        }
        EXPECT_TRUE(contains(text, " " + heading)) << heading;
        EXPECT_TRUE(contains(text, option.help)) << heading;
        if (option.letter != 0) {
            EXPECT_TRUE(contains(text, std::string{"-"} + option.letter + ", --" + option.name)) << heading;
        }
    }
}

TEST(Help, EveryCommandIsThere) {
    const std::string text = help_text("");
    for (const Command& command : command_table()) {
        EXPECT_TRUE(contains(text, command.name));
        EXPECT_TRUE(contains(text, command.summary));
        EXPECT_TRUE(contains(help_text(command.name), command.usage)) << command.name;
    }
}

TEST(Help, LinesFitInAHundredColumns) {
    std::vector<std::string> topics{""};
    for (const Command& command : command_table()) {
        topics.emplace_back(command.name);
    }
    for (const std::string& topic : topics) {
        const std::string text = help_text(topic);
        for (const std::string_view line : split(text, '\n')) {
            EXPECT_LE(line.size(), help_columns) << line;
        }
        EXPECT_EQ(text.back(), '\n');
    }
}

TEST(Help, AnUnknownTopicIsNamed) {
    EXPECT_TRUE(refuses([] { (void)help_text("nosuch"); }, "nosuch", "no such command"));
}

} // namespace
} // namespace sandbox
