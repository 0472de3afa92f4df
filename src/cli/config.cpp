// SPDX-License-Identifier: Apache-2.0
// Configuration files: the long names in INI form, by Boost.Program_options.
#include <boost/program_options.hpp>
#include <sstream>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/cli.hpp"

namespace sandbox {

namespace po = boost::program_options;

namespace {

po::options_description describe_options() {
    po::options_description description;
    for (const Option& option : option_table()) {
        description.add_options()(option.name, po::value<std::vector<std::string>>()->composing(),
                                  option.help);
    }
    return description;
}

} // namespace

std::string user_config_path(const std::string& xdg_config_home, const std::string& home) {
    const std::string base = xdg_config_home.starts_with('/') ? xdg_config_home
                             : home.starts_with('/')          ? home + "/.config"
                                                              : "";
    return base.empty() ? "" : base + "/sandbox/sandbox.conf";
}

std::vector<GivenOption> parse_config(const std::string& text, const std::string& path) {
    std::istringstream stream{text};
    std::vector<GivenOption> given;
    try {
        const po::options_description description = describe_options();
        for (const po::option& parsed : po::parse_config_file(stream, description).options) {
            const Option* option = find_option(parsed.string_key);
            given.push_back({option, parsed.value.empty() ? "" : parsed.value.front()});
        }
    } catch (const po::unknown_option& error) {
        throw UsageError(path, "unknown option " + printable(error.get_option_name()),
                         "it takes the long names that sandbox help run lists, without [sections]");
    } catch (const po::invalid_config_file_syntax& error) {
        // Not what(): it replaces %invalid_line% by the line, again and again where the line has that in it.
        throw UsageError(path, "not a list of NAME = VALUE lines: " + printable(error.tokens()),
                         "a switch is NAME = true");
    } catch (const po::error&) {
        throw UsageError(path, "not a list of NAME = VALUE lines", "a switch is NAME = true");
    }
    return given;
}

} // namespace sandbox
