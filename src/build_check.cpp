// SPDX-License-Identifier: Apache-2.0
// Two builds and a comparison.
#include "build_check.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "build/compare.hpp"
#include "build/locales.hpp"
#include "build/reversed_tree.hpp"
#include "build/world_files.hpp"
#include "build_finish.hpp"

namespace sandbox {

namespace {

std::time_t now() {
    timespec time{};
    (void)::clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec;
}

unsigned processors_seen(const World& world) {
    cpu_set_t set;
    CPU_ZERO(&set);
    return world.one_processor || ::sched_getaffinity(0, sizeof set, &set) < 0
               ? 1
               : static_cast<unsigned>(CPU_COUNT(&set));
}

/// Where the image's locales lie on the host, and those that LOCPATH of --env names in the workspace.
std::string find_other_locale(const BuildContext& context) {
    const Image image = identify_image(context.invocation.spec.sandbox.image, context.store, context.shared);
    std::vector<std::string> directories;
    for (const EnvironmentChange& change : context.invocation.spec.process.environment) {
        const std::string& place = context.invocation.build.place;
        const std::string paths = change.name == "LOCPATH" ? change.value.value_or("") : "";
        for (const std::string_view path : split(paths, ':')) {
            if (path == place || path.starts_with(place + "/")) {
                directories.push_back(context.workspace_path + std::string{path.substr(place.size())});
            }
        }
    }
    const std::vector<std::string> roots =
        image.kind == ImageKind::host ? std::vector<std::string>{""} : image.layers;
    for (const std::string& root : roots) {
        directories.push_back(root + "/usr/lib/locale");
    }
    return choose_other_locale(directories);
}

/// The second build begins at another second than the first, and is never in the same one.
void wait_for_another_second(std::time_t first, const Checkpoint& checkpoint) {
    while (now() <= first) {
        checkpoint();
        const timespec pause{0, 50'000'000};
        (void)::nanosleep(&pause, nullptr);
    }
}

std::string name_of_varied(Variations variations) {
    std::string text;
    for (const auto& [name, variation] : variation_names) {
        if ((variations & bit_of(variation)) != 0) {
            text += (text.empty() ? "" : ", ") + std::string{name};
        }
    }
    return text;
}

class Check {
  public:
    Check(const BuildContext& context, SignalSource& signals)
        : context_(context), signals_(signals), patterns_(parse_patterns("--output", build().outputs)) {}

    int run() {
        // Neither build is to have what the other has not: stdin can be read once.
        const UniqueFd nothing{check(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open", "/dev/null")};
        check(::dup2(nothing.get(), STDIN_FILENO), "replace", "stdin");
        first_.world = standard_world(build().place);
        return build_in(first_, "", [&] { return run_second(); });
    }

  private:
    [[nodiscard]] const BuildSpec& build() const { return context_.invocation.build; }
    [[nodiscard]] bool varies(Variation variation) const {
        return (build().variations & bit_of(variation)) != 0;
    }

    /// @param then what is done with its outputs, while they are there
    int build_in(ComparedBuild& build, const std::string& source, const std::function<int()>& then) {
        build.begin = now();
        build.kernel_release = build.world.other_release ? other_kernel_release() : kernel_release();
        build.processors = processors_seen(build.world);
        BuildRun run{build.world, context_.invocation.spec.process.command};
        run.source = source;
        run.finished = [&](const FinishedRun& finished) {
            build.end = now();
            if (finished.status != 0) {
                return finished.status;
            }
            const UniqueFd upper = open_upper(finished);
            build.upper = upper.get();
            const BuiltTree tree{upper.get(), context_.workspace.get(), context_.shown, context_.checkpoint};
            build.outputs = sort_and_check(tree, patterns_).outputs;
            std::sort(build.outputs.begin(), build.outputs.end(),
                      [](const Change& a, const Change& b) { return a.path < b.path; });
            return then();
        };
        return run_in_world(context_, run, signals_);
    }

    int run_second() {
        const std::string locale = varies(Variation::locale) ? find_other_locale(context_) : "";
        second_.world = varied_world(build().place, build().variations, locale);
        std::optional<ReversedTree> reversed;
        if (second_.world.reversed_order) {
            reversed.emplace(context_.workspace_path, context_.shown, context_.checkpoint);
        }
        if (varies(Variation::time)) {
            wait_for_another_second(first_.end, context_.checkpoint);
        }
        bool compared = false;
        const int status = build_in(second_, reversed ? reversed->path() : "", [&] {
            compared = true;
            return compare(locale, reversed ? reversed->failure() : "");
        });
        if (!compared && status != 0 && !asks_to_end(status - 128)) {
            throw UsageError(
                "--check", "the second build failed, with status " + std::to_string(status),
                "it differs in " + name_of_varied(build().variations) + ": --vary takes only some of them");
        }
        return status;
    }

    /// @param unordered why directories could not be read in another order; empty where they were
    int compare(const std::string& locale, const std::string& unordered) const {
        if (first_.outputs.empty() && second_.outputs.empty()) {
            throw UsageError("--check", "neither build made anything, so there was nothing to compare",
                             "what is up to date is not made again: make -B, or remove it first");
        }
        const std::vector<Difference> differences = compare_builds(first_, second_, context_.checkpoint);
        std::string text;
        for (const Difference& difference : differences) {
            text += (text.empty() ? "" : "\n") + printable(difference.path) + ": " + difference.what +
                    (difference.betrays.empty() ? "" : " (" + difference.betrays + ")");
        }
        if (differences.empty()) {
            text = "reproducible: " + std::to_string(first_.outputs.size()) +
                   (first_.outputs.size() == 1 ? " output is" : " outputs are") + " the same in both builds";
        }
        context_.log.result(text);
        if (differences.empty()) {
            tell_what_was_not_varied(locale, unordered);
        }
        return differences.empty() ? 0 : 1;
    }

    void tell_what_was_not_varied(const std::string& locale, const std::string& unordered) const {
        if (varies(Variation::locale) && locale.empty()) {
            context_.log.note("locale: there are only C and POSIX to vary between, which sort alike");
        }
        if (!unordered.empty()) {
            context_.log.note("order: " + unordered);
        }
        if (varies(Variation::processors) && first_.processors == 1) {
            context_.log.note("processors: this host has one only");
        }
    }

    const BuildContext& context_;
    SignalSource& signals_;
    std::vector<PathPattern> patterns_;
    ComparedBuild first_;
    ComparedBuild second_;
};

} // namespace

int check_build(const BuildContext& context, SignalSource& signals) {
    return Check{context, signals}.run();
}

} // namespace sandbox
