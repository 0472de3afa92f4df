// SPDX-License-Identifier: Apache-2.0
// The command line: which words are options is decided here, what they mean by Boost.Program_options' rules
// for long and short names and by the table.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/cli.hpp"

namespace sandbox {

namespace {

/// The options before the first positional word, and the rest.
struct SplitArguments {
    std::vector<GivenOption> options;
    std::vector<std::string> positional;
    bool help = false;
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
        }
    }
    return row.back();
}

std::string nearest_option(std::string_view name) {
    std::string best;
    std::size_t best_distance = name.size() < 2 ? 0 : std::min<std::size_t>(3, name.size());
    for (const Option& option : option_table()) {
        const std::size_t distance = edit_distance(name, option.name);
        if (distance < best_distance) {
            best_distance = distance;
            best = option.name;
        }
    }
    return best;
}

[[noreturn]] void refuse_unknown(const std::string& word, std::string_view name, const std::string& command) {
    const std::string nearest = nearest_option(name);
    throw UsageError(
        printable(word), "no such option",
        nearest.empty() ? "sandbox help " + command + " lists them all" : "did you mean --" + nearest + "?");
}

class Splitter {
  public:
    /// @param command for hints
    Splitter(const std::vector<std::string>& words, std::string command)
        : words_(words), command_(std::move(command)) {}

    SplitArguments split() {
        for (; next_ < words_.size(); ++next_) {
            const std::string& word = words_[next_];
            if (word == "--") {
                break; // stays: it separates the image's words from the command's
            }
            if (word == "--help") {
                result_.help = true;
            } else if (word.starts_with("--")) {
                take_long(word);
            } else if (word.size() > 1 && word.front() == '-') {
                take_letters(word);
            } else {
                break;
            }
        }
        result_.positional.assign(words_.begin() + static_cast<std::ptrdiff_t>(next_), words_.end());
        return std::move(result_);
    }

  private:
    void add(const Option& option, const std::string& value) { result_.options.push_back({&option, value}); }

    /// The next word, which must be there.
    const std::string& take_value(const Option& option) {
        if (next_ + 1 >= words_.size()) {
            throw UsageError("--" + std::string{option.name}, "needs a value",
                             "--" + std::string{option.name} + " " + option.value_name);
        }
        return words_[++next_];
    }

    void take_long(const std::string& word) {
        const auto equals = word.find('=');
        const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
        const Option* option = find_option(name);
        if (option == nullptr) {
            refuse_unknown(word.substr(0, equals), name, command_);
        }
        if (equals != std::string::npos) {
            add(*option, word.substr(equals + 1));
        } else if (option->value == OptionValue::required) {
            add(*option, take_value(*option));
        } else {
            add(*option, option->value == OptionValue::none ? "true" : option->default_value);
        }
    }

    /// "-it", "-v SRC:DST", "-vSRC:DST"
    void take_letters(const std::string& word) {
        for (std::size_t i = 1; i < word.size(); ++i) {
            const Option* option = find_option(word[i]);
            if (option == nullptr) {
                throw UsageError("-" + printable(word.substr(i, 1)), "no such option",
                                 "sandbox help " + command_ + " lists them all");
            }
            if (option->letter == 'h' && i + 1 == word.size() && next_ + 1 == words_.size()) {
                result_.help = true; // a host's name does not follow, so that is not what was meant
                return;
            }
            if (option->value == OptionValue::none) {
                add(*option, "true");
                continue;
            }
            add(*option, i + 1 < word.size() ? word.substr(i + 1) : take_value(*option));
            return;
        }
    }

    const std::vector<std::string>& words_;
    std::string command_;
    std::size_t next_ = 0;
    SplitArguments result_;
};

void apply(const std::vector<GivenOption>& given, Invocation& invocation, const ParseContext& context) {
    for (const auto& [option, value] : given) {
        option->apply(invocation, value, context);
    }
}

void apply_file(const std::string& path, const std::string& text, Invocation& invocation,
                const ParseContext& context) {
    for (const auto& [option, value] : parse_config(text, path)) {
        if (option->name == std::string_view{"config"}) {
            throw UsageError(path + ": config", "a configuration file cannot name another",
                             "give each with --config");
        }
        try {
            option->apply(invocation, value, context);
        } catch (const UsageError& error) {
            throw UsageError(path + ": " + error.object(), error.reason(), error.hint());
        }
    }
}

/// Whether the configuration's home is another user's: the directory above sandbox/sandbox.conf, or the
/// nearest above that which can be looked at.
bool is_another_users(std::string path) {
    struct stat status {};
    const auto rise = [&path] { path.resize(std::max<std::size_t>(path.rfind('/'), 1)); };
    rise();
    rise();
    while (path.size() > 1 && ::stat(path.c_str(), &status) < 0) {
        rise();
    }
    return ::stat(path.c_str(), &status) == 0 && status.st_uid != ::geteuid();
}

/// Defaults under another user's HOME are none. One's own may be what a start relies on to be confined, so
/// that they cannot be read is no reason to go on.
std::optional<std::string> read_user_config(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode)) {
        throw UsageError(printable(path), "is a FIFO, and nobody may ever write to it", "put a file there");
    }
    try {
        return path.empty() ? std::nullopt : read_file_if_exists(AT_FDCWD, path);
    } catch (const SystemError& error) {
        if (error.code() == EACCES && is_another_users(path)) {
            return std::nullopt;
        }
        throw SystemError(error.code(), "read", printable(path),
                          "it holds your defaults: make it readable, or remove it");
    }
}

/// IMAGE, then the command's words; a "--" between them, or before both, says nothing more.
void take_positional(const std::vector<std::string>& words, Invocation& invocation) {
    auto word = words.begin();
    if (word != words.end() && *word != "--") {
        invocation.spec.sandbox.image = *word++;
    }
    if (word != words.end() && *word == "--") {
        ++word;
        if (invocation.spec.sandbox.image.empty() && invocation.command == "run" && word != words.end()) {
            invocation.spec.sandbox.image = *word++;
        }
    } else if (invocation.command == "shell" && word != words.end()) {
        throw UsageError("shell " + printable(*word), "a shell takes no command",
                         "sandbox run " + printable(invocation.spec.sandbox.image) + " " + printable(*word) +
                             " runs one; arguments for the shell come after --");
    }
    if (invocation.command == "export" && word != words.end()) {
        throw UsageError("export " + printable(*word), "one image at a time", "sandbox export -o FILE IMAGE");
    }
    invocation.spec.process.command.assign(word, words.end());
}

void take_build_command(const std::vector<std::string>& words, Invocation& invocation) {
    const bool separated = !words.empty() && words.front() == "--";
    invocation.spec.process.command.assign(words.begin() + (separated ? 1 : 0), words.end());
    if (invocation.spec.process.command.empty()) {
        throw UsageError("build", "no command is named",
                         "sandbox build [OPTIONS] -- COMMAND, as: -- make -j2");
    }
}

void finish(Invocation& invocation) {
    ProcessSpec& process = invocation.spec.process;
    if (invocation.command == "export") {
        if (invocation.spec.sandbox.image.empty()) {
            throw UsageError("export", "no image is named", "sandbox export -o FILE IMAGE");
        }
        return;
    }
    process.is_shell = invocation.command == "shell";
    if (process.is_shell && invocation.spec.sandbox.image.empty()) {
        invocation.spec.sandbox.image = "host";
    }
    if (!process.is_shell && invocation.spec.sandbox.image.empty()) {
        throw UsageError("run", "no image is named",
                         "sandbox run IMAGE COMMAND, where IMAGE is a tar, a directory or host");
    }
    if (process.entrypoint && !process.entrypoint->empty()) {
        process.command.insert(process.command.begin(), *process.entrypoint);
    }
}

} // namespace

Invocation parse_invocation(const std::vector<std::string>& arguments, const ParseContext& context,
                            const std::string& user_config) {
    Invocation invocation;
    if (!arguments.empty() && arguments.front() == "--version") {
        invocation.command = "version";
        return invocation;
    }
    // Options may stand before the command's name too.
    SplitArguments before = Splitter{arguments, "run"}.split();
    if (before.positional.empty()) {
        invocation.command = "help";
        return invocation;
    }
    invocation.command = before.positional.front();
    before.positional.erase(before.positional.begin());
    if (find_command(invocation.command) == nullptr) {
        throw UsageError(printable(invocation.command), "no such command", "sandbox help lists them");
    }
    if (invocation.command == "help") {
        const bool is_named = !before.positional.empty() && !before.positional.front().starts_with('-');
        invocation.topic = is_named ? before.positional.front() : "";
        return invocation;
    }
    SplitArguments after = Splitter{before.positional, invocation.command}.split();
    if (invocation.command == "export" && after.positional.size() > 1) {
        // No command's words follow the image, so options may.
        const std::vector<std::string> rest{after.positional.begin() + 1, after.positional.end()};
        SplitArguments behind = Splitter{rest, invocation.command}.split();
        after.help = after.help || behind.help;
        after.options.insert(after.options.end(), behind.options.begin(), behind.options.end());
        after.positional.resize(1);
        after.positional.insert(after.positional.end(), behind.positional.begin(), behind.positional.end());
    }
    if (before.help || after.help) {
        invocation.topic = invocation.command;
        invocation.command = "help";
        return invocation;
    }
    std::vector<GivenOption> given = before.options;
    given.insert(given.end(), after.options.begin(), after.options.end());

    const bool is_build = find_command(invocation.command)->kind == CommandKind::build;
    if (is_build) {
        invocation.spec.sandbox.image = "host";
        invocation.spec.sandbox.network.kind = Network::none;
    }
    // A build is the same for everyone: nobody's own defaults change it.
    if (const auto text = is_build ? std::nullopt : read_user_config(user_config)) {
        apply_file(user_config, *text, invocation, context);
    }
    for (const auto& [option, value] : given) {
        if (option->name == std::string_view{"config"}) {
            apply_file(value, read_file(AT_FDCWD, value), invocation, context);
        }
    }
    apply(given, invocation, context);
    for (const GivenOption& option : given) {
        if (!takes_option(*find_command(invocation.command), *option.option)) {
            throw UsageError("--" + std::string{option.option->name},
                             "means nothing to " + invocation.command,
                             "sandbox help " + invocation.command + " lists its options");
        }
    }
    if (invocation.command == "doctor") {
        if (!after.positional.empty()) {
            throw UsageError("doctor " + printable(after.positional.front()), "takes no argument",
                             "sandbox doctor looks at this host");
        }
        return invocation;
    }
    if (find_command(invocation.command)->kind == CommandKind::store) {
        invocation.words = after.positional;
        if (!invocation.words.empty() && invocation.words.front() == "--") {
            invocation.words.erase(invocation.words.begin());
        }
        return invocation;
    }
    if (is_build) {
        take_build_command(after.positional, invocation);
        return invocation;
    }
    take_positional(after.positional, invocation);
    finish(invocation);
    return invocation;
}

} // namespace sandbox
