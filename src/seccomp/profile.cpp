// SPDX-License-Identifier: Apache-2.0
// A small reader for two small tables.
#include "seccomp/profile.hpp"

#include <linux/capability.h>

#include <sstream>
#include <stdexcept>

namespace sandbox {

namespace {

struct CapabilityName {
    std::string_view name;
    int number;
};
/// Those that sections ask for.
constexpr CapabilityName capability_names[] = {{"CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH},
                                               {"CAP_SYS_MODULE", CAP_SYS_MODULE},
                                               {"CAP_SYS_RAWIO", CAP_SYS_RAWIO},
                                               {"CAP_SYS_CHROOT", CAP_SYS_CHROOT},
                                               {"CAP_SYS_PACCT", CAP_SYS_PACCT},
                                               {"CAP_SYS_ADMIN", CAP_SYS_ADMIN},
                                               {"CAP_SYS_BOOT", CAP_SYS_BOOT},
                                               {"CAP_SYS_NICE", CAP_SYS_NICE},
                                               {"CAP_SYS_TIME", CAP_SYS_TIME},
                                               {"CAP_SYS_TTY_CONFIG", CAP_SYS_TTY_CONFIG},
                                               {"CAP_SYSLOG", CAP_SYSLOG},
                                               {"CAP_PERFMON", CAP_PERFMON},
                                               {"CAP_BPF", CAP_BPF}};

[[noreturn]] void refuse(std::string_view line, const char* reason) {
    throw std::runtime_error(std::string{line} + ": " + reason);
}

bool is_argument(std::string_view word) {
    return word.size() == 4 && word.starts_with("arg") && word[3] >= '0' && word[3] <= '5';
}

/// "unless arg1 is 0x5412 0x541c" and its like, from the word after "allow" on.
void read_test(std::istringstream& words, const std::string& how, FilterVerdict& verdict,
               std::string_view line) {
    std::string argument;
    std::string relation;
    words >> argument >> relation;
    if (!is_argument(argument)) {
        refuse(line, "argN is missing");
    }
    verdict.argument = static_cast<unsigned>(argument[3] - '0');
    if (relation == "is") {
        verdict.test = how == "if" ? ArgumentTest::allowed_values : ArgumentTest::refused_values;
    } else if (relation == "has" && how == "unless") {
        verdict.test = ArgumentTest::refused_bits;
    } else {
        refuse(line, "neither `is` nor `unless ... has`");
    }
}

FilterVerdict read_heading(std::string_view line) {
    std::istringstream words{std::string{line.substr(1, line.size() - 2)}};
    FilterVerdict verdict;
    std::string word;
    words >> word;
    verdict.answer = word == "allow"     ? FilterAnswer::allow
                     : word == "deny"    ? FilterAnswer::deny
                     : word == "missing" ? FilterAnswer::missing
                     : word == "never"   ? FilterAnswer::never
                                         : (refuse(line, "no such answer"), FilterAnswer::deny);
    bool capabilities = false;
    while (words >> word) {
        if (word == "with") {
            capabilities = true;
        } else if (capabilities) {
            verdict.capabilities |= filter_capability(word);
        } else if (word == "if" || word == "unless") {
            read_test(words, word, verdict, line);
        } else if (verdict.test != ArgumentTest::none) {
            verdict.values.push_back(static_cast<std::uint32_t>(std::stoul(word, nullptr, 0)));
        } else {
            refuse(line, "a word too many");
        }
    }
    if (capabilities && verdict.answer == FilterAnswer::allow && verdict.test == ArgumentTest::none) {
        verdict.answer = FilterAnswer::deny; // for who has none of them
    }
    if (verdict.test != ArgumentTest::none && verdict.values.empty()) {
        refuse(line, "no values");
    }
    return verdict;
}

void read_numbers(std::string_view text, FilterProfile& profile) {
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('#')) {
            continue;
        }
        std::istringstream words{line};
        std::string name;
        words >> name;
        for (const auto architecture :
             {FilterArchitecture::x86_64, FilterArchitecture::i386, FilterArchitecture::aarch64}) {
            std::string number;
            if (!(words >> number)) {
                refuse(line, "a column is missing");
            }
            if (number != "-" && !profile.numbers[architecture]
                                      .emplace(static_cast<unsigned>(std::stoul(number)), name)
                                      .second) {
                refuse(line, "this number has a name already");
            }
        }
    }
}

void read_sections(std::string_view text, FilterProfile& profile) {
    std::istringstream lines{std::string{text}};
    FilterVerdict verdict;
    bool begun = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('#')) {
            continue;
        }
        if (line.starts_with('[') && line.ends_with(']')) {
            verdict = read_heading(line);
            begun = true;
            continue;
        }
        std::istringstream words{line};
        for (std::string name; words >> name;) {
            if (!begun || !profile.verdicts.emplace(name, verdict).second) {
                refuse(name, "stands in no section, or in two");
            }
        }
    }
}

} // namespace

std::uint64_t filter_capability(std::string_view name) {
    for (const auto& [known, number] : capability_names) {
        if (known == name) {
            return std::uint64_t{1} << static_cast<unsigned>(number);
        }
    }
    refuse(name, "no such capability");
}

FilterProfile read_profile(std::string_view syscalls, std::string_view sections) {
    FilterProfile profile;
    read_numbers(syscalls, profile);
    read_sections(sections, profile);
    std::map<std::string, bool> numbered;
    for (const auto& [architecture, names] : profile.numbers) {
        for (const auto& [number, name] : names) {
            numbered[name] = true;
            if (!profile.verdicts.contains(name)) {
                refuse(name, "has a number and stands in no section");
            }
        }
    }
    for (const auto& [name, verdict] : profile.verdicts) {
        if (!numbered.contains(name)) {
            refuse(name, "stands in a section and has no number");
        }
    }
    return profile;
}

} // namespace sandbox
