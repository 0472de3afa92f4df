// SPDX-License-Identifier: Apache-2.0
// Times commands in turn, A B C A B C ..., and prints each one's median and its median ratio to the first,
// of wall and of CPU time.
//
//   perf-pairs [--runs N] [--warmup N] [--json FILE] [--overhead NAME] NAME 'COMMAND ARG...' ...
//
// --overhead: what each costs more than the first, as a multiple of what NAME costs more.
//
// One posix_spawn to wait is one sample. Samples of one round lie side by side in time, so that a machine
// whose speed drifts disturbs all alike: quote the ratios. Commands are split at blanks; no shell is
// involved.
#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

extern char** environ;

namespace {

struct Contender {
    std::string name;
    std::vector<std::string> arguments;
    std::vector<double> milliseconds;
    std::vector<double> cpu_milliseconds;
    std::vector<double> ratios; ///< to the first contender, round by round
    std::vector<double> cpu_ratios;
};

struct Settings {
    unsigned runs = 200;
    unsigned warmup = 5;
    std::string json_path;
    std::string overhead; ///< the contender whose overhead is the measure of the others', or ""
    std::vector<Contender> contenders;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

double quantile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

struct Sample {
    double wall = 0; ///< milliseconds
    double cpu = 0;  ///< of the process and what it waited for
};

double milliseconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

double cpu_milliseconds(const rusage& usage) {
    return milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
}

/// Of processes whose parents did not wait for them, as bwrap does not for its first one inside.
double cpu_of_orphans() {
    double sum = 0;
    rusage usage{};
    while (::wait4(-1, nullptr, WNOHANG, &usage) > 0) {
        sum += cpu_milliseconds(usage);
    }
    return sum;
}

Sample run_once(const Contender& contender, const posix_spawn_file_actions_t& actions) {
    const std::vector<char*> argv = sandbox::exec_pointers(contender.arguments);
    const auto start = std::chrono::steady_clock::now();
    pid_t pid = 0;
    if (const int code = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ); code != 0) {
        throw sandbox::SystemError(code, "start", contender.arguments[0]);
    }
    int status = 0;
    rusage usage{};
    sandbox::check(::wait4(pid, &status, 0, &usage), "wait for", contender.name);
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - start;
    if (status != 0) {
        throw sandbox::Error(contender.name,
                             "failed with status " + std::to_string(sandbox::shell_status(status)));
    }
    return {wall.count(), cpu_milliseconds(usage) + cpu_of_orphans()};
}

void run_rounds(Settings& settings) {
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    for (unsigned round = 0; round < settings.warmup + settings.runs; ++round) {
        Sample first;
        for (Contender& contender : settings.contenders) {
            const Sample sample = run_once(contender, actions);
            if (round < settings.warmup) {
                continue;
            }
            first = &contender == &settings.contenders.front() ? sample : first;
            contender.milliseconds.push_back(sample.wall);
            contender.cpu_milliseconds.push_back(sample.cpu);
            contender.ratios.push_back(sample.wall / first.wall);
            contender.cpu_ratios.push_back(sample.cpu / first.cpu);
        }
    }
    ::posix_spawn_file_actions_destroy(&actions);
}

void print_table(const Settings& settings) {
    std::printf("%-40s %9s %9s %9s %9s %7s %9s\n", "", "median ms", "p10", "p90", "cpu ms", "ratio",
                "cpu ratio");
    for (const Contender& contender : settings.contenders) {
        std::printf("%-40s %9.2f %9.2f %9.2f %9.2f %7.2f %9.3f\n", contender.name.c_str(),
                    median(contender.milliseconds), quantile(contender.milliseconds, 0.1),
                    quantile(contender.milliseconds, 0.9), median(contender.cpu_milliseconds),
                    median(contender.ratios), median(contender.cpu_ratios));
    }
}

using Samples = std::vector<double> Contender::*;

/// Of the medians of what was compared round by round, for one round's overhead may be a divisor near
/// nothing.
double overhead_ratio(const Settings& settings, const Contender& contender, Samples ratios) {
    const auto measure =
        std::find_if(settings.contenders.begin(), settings.contenders.end(),
                     [&](const Contender& candidate) { return candidate.name == settings.overhead; });
    return (median(contender.*ratios) - 1) / (median((*measure).*ratios) - 1);
}

void print_overheads(const Settings& settings) {
    for (const Contender& contender : settings.contenders) {
        if (&contender != &settings.contenders.front() && contender.name != settings.overhead) {
            std::printf("%s: %.2f times the overhead of %s, %.2f times in CPU time\n", contender.name.c_str(),
                        overhead_ratio(settings, contender, &Contender::ratios), settings.overhead.c_str(),
                        overhead_ratio(settings, contender, &Contender::cpu_ratios));
        }
    }
}

std::string fixed(double value) {
    char text[32];
    (void)std::snprintf(text, sizeof text, "%.4f", value);
    return text;
}

void write_json(const Settings& settings) {
    sandbox::JsonWriter json;
    json.begin_array();
    for (const Contender& contender : settings.contenders) {
        json.begin_object().key("name").value(contender.name);
        json.key("runs").value(std::uint64_t{contender.milliseconds.size()});
        json.key("median_ms").value(fixed(median(contender.milliseconds)));
        json.key("cpu_ms").value(fixed(median(contender.cpu_milliseconds)));
        json.key("ratio").value(fixed(median(contender.ratios)));
        json.key("cpu_ratio").value(fixed(median(contender.cpu_ratios)));
        if (!settings.overhead.empty()) {
            json.key("overhead").value(fixed(overhead_ratio(settings, contender, &Contender::ratios)));
            json.key("cpu_overhead")
                .value(fixed(overhead_ratio(settings, contender, &Contender::cpu_ratios)));
        }
        json.end_object();
    }
    json.end_array();
    sandbox::write_file_atomically(AT_FDCWD, settings.json_path, json.text() + "\n");
}

Settings parse(const std::vector<std::string>& words) {
    Settings settings;
    for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
        const std::string& value = words[i + 1];
        const auto number = sandbox::parse_number(value, 1000000);
        if (words[i] == "--runs" && number && *number > 0) {
            settings.runs = static_cast<unsigned>(*number);
        } else if (words[i] == "--warmup" && number) {
            settings.warmup = static_cast<unsigned>(*number);
        } else if (words[i] == "--json") {
            settings.json_path = value;
        } else if (words[i] == "--overhead") {
            settings.overhead = value;
        } else if (!words[i].starts_with("--")) {
            Contender contender;
            contender.name = words[i];
            for (const std::string_view word : sandbox::split(value, ' ')) {
                if (!word.empty()) {
                    contender.arguments.emplace_back(word);
                }
            }
            settings.contenders.push_back(std::move(contender));
        } else {
            throw sandbox::UsageError(words[i], "no such option, or not a value for it");
        }
    }
    if (settings.contenders.empty() || words.size() % 2 != 0) {
        throw sandbox::UsageError("perf-pairs", "pairs of NAME and COMMAND are needed");
    }
    if (!settings.overhead.empty() &&
        std::none_of(settings.contenders.begin() + 1, settings.contenders.end(),
                     [&](const Contender& contender) { return contender.name == settings.overhead; })) {
        throw sandbox::UsageError("--overhead " + settings.overhead,
                                  "the name of no contender but the first");
    }
    return settings;
}

} // namespace

int main(int argc, char** argv) {
    try {
        Settings settings = parse({argv + 1, argv + argc});
        sandbox::check(::prctl(PR_SET_CHILD_SUBREAPER, 1), "become", "the reaper of orphans");
        run_rounds(settings);
        print_table(settings);
        if (!settings.overhead.empty()) {
            print_overheads(settings);
        }
        if (!settings.json_path.empty()) {
            write_json(settings);
        }
        return 0;
    } catch (const sandbox::Error& error) {
        (void)std::fprintf(stderr, "perf-pairs: %s\n", error.what());
        return 1;
    }
}
