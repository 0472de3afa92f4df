// SPDX-License-Identifier: Apache-2.0
// What becomes of a build.
#include "build_finish.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/helper_path.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "build/apply.hpp"
#include "build/directory.hpp"
#include "build/saved_tree.hpp"
#include "spec/validate.hpp"

namespace sandbox {

namespace {

/// "a, b and 7 more"
std::string listed(const std::vector<std::string>& paths) {
    constexpr std::size_t most = 5;
    std::string text;
    for (std::size_t i = 0; i < std::min(most, paths.size()); ++i) {
        text += (i == 0 ? "" : ", ") + printable(paths[i]);
    }
    return paths.size() <= most ? text : text + " and " + std::to_string(paths.size() - most) + " more";
}

std::vector<std::string> paths_of(const std::vector<Change>& changes) {
    std::vector<std::string> paths;
    std::transform(changes.begin(), changes.end(), std::back_inserter(paths),
                   [](const Change& change) { return change.path; });
    return paths;
}

/// Of the processes inside, and of the few that this one has started besides.
void take_usage(BuildReport& report) {
    rusage usage{};
    (void)::getrusage(RUSAGE_CHILDREN, &usage); // cannot fail
    const auto microseconds = [](const timeval& time) {
        return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
    };
    report.user = microseconds(usage.ru_utime);
    report.system = microseconds(usage.ru_stime);
    report.peak_memory = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

/// In hexadecimal, in the order of the names.
std::vector<std::string> hashes_of(int directory, const std::string& names) {
    const UniqueFd input{check(::memfd_create("names", MFD_CLOEXEC), "make", "a file in memory")};
    write_all(input.get(), names, "a file in memory");
    check(::lseek(input.get(), 0, SEEK_SET), "read", "a file in memory");
    Pipe output = make_pipe();
    SpawnRequest request;
    request.path = helper_path("sandbox-aid");
    request.arguments = {"sandbox-aid", "hash", "3"};
    request.fds = {{input.get(), STDIN_FILENO}, {output.write.get(), STDOUT_FILENO}, {directory, 3}};
    const ChildProcess aid = spawn(request);
    output.write.reset();
    const std::string text = read_all(output.read.get(), "sandbox-aid", 1 << 30);
    if (wait_for(aid) != 0) {
        throw Error("report", "sandbox-aid could not hash the outputs: " + printable(trim(text)));
    }
    std::vector<std::string> hashes;
    for (const std::string_view line : split(text, '\n')) {
        hashes.emplace_back(line);
    }
    return hashes;
}

const char* name_of(ChangeKind kind) {
    switch (kind) {
        case ChangeKind::file:
            return "file";
        case ChangeKind::symlink:
            return "symlink";
        case ChangeKind::directory:
            return "directory";
        case ChangeKind::removed:
            return "removed";
        case ChangeKind::special:
            break;
    }
    return "special";
}

std::vector<ReportedOutput> reported(const BuiltTree& tree, const std::vector<Change>& outputs) {
    std::string names;
    for (const Change& output : outputs) {
        if (output.kind == ChangeKind::file) {
            names += output.path + '\0';
        }
    }
    const std::vector<std::string> hashes = hashes_of(tree.upper, names);
    auto hash = hashes.begin();
    std::vector<ReportedOutput> result;
    for (const Change& output : outputs) {
        const bool is_file = output.kind == ChangeKind::file;
        result.push_back(
            {output.path, name_of(output.kind), output.mode, output.size, is_file ? *hash++ : std::string{}});
    }
    return result;
}

} // namespace

UniqueFd open_upper(const FinishedRun& run) {
    if (run.upper.empty()) {
        UniqueFd upper{
            check(::fcntl(run.upper_on_tmpfs.get(), F_DUPFD_CLOEXEC, 3), "open", "what was built")};
        check(::fchmod(upper.get(), S_IRWXU), "open", "what was built");
        return upper;
    }
    check(::chmod(run.upper.c_str(), S_IRWXU), "open", run.upper);
    return UniqueFd{
        check(::open(run.upper.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open", run.upper)};
}

SortedChanges sort_and_check(const BuiltTree& tree, const std::vector<PathPattern>& patterns) {
    std::vector<Change> changes = read_changes(tree);
    require_outputs(tree, patterns, changes);
    SortedChanges sorted = sort_changes(std::move(changes), patterns);
    refuse_unsafe(tree, sorted.outputs);
    return sorted;
}

BuildFinish::BuildFinish(const BuildContext& context)
    : context_(context),
      patterns_(parse_patterns("--output", context.invocation.build.outputs)),
      begin_(std::chrono::steady_clock::now()) {
    const BuildSpec& build = context.invocation.build;
    if (!build.report.empty() || build.suggest_inputs) {
        watch_.reads.emplace(build.place);
    }
    if (build.strict && !context.shown.inputs.empty()) {
        watch_.hidden.emplace(build.place, context.workspace.get(), context.shown);
    }
    if (build.report == "-") {
        report_file_.emplace(build.report);
    }
    const Spec& spec = context.invocation.spec;
    report_.command = spec.process.command;
    report_.image = spec.sandbox.image;
    report_.workspace = context.workspace_path;
    report_.epoch = context.epoch;
    report_.hermetic = effective_network(spec.sandbox) == Network::none;
    report_.inputs = build.inputs;
}

BuildFinish::~BuildFinish() = default;

Onlooker* BuildFinish::onlooker() {
    return watch_.reads || watch_.hidden ? &watch_ : nullptr;
}

std::span<const sock_filter> BuildFinish::lookups() const {
    return watch_.hidden ? HiddenReads::filter() : std::span<const sock_filter>{};
}

int BuildFinish::take(const FinishedRun& run) {
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    report_.elapsed = duration_cast<microseconds>(std::chrono::steady_clock::now() - begin_);
    take_usage(report_);
    const UniqueFd upper = open_upper(run);
    const BuiltTree tree{upper.get(), context_.workspace.get(), context_.shown, context_.checkpoint};
    report_.exit_status = run.status;
    collect_reads();
    if (!report_.undeclared_reads.empty()) {
        context_.log.note("looked for, and hidden, for no --input names it: " +
                          listed(report_.undeclared_reads));
    }
    if (run.status != 0) {
        tell_failure(tree);
        print_suggestions();
        return run.status;
    }
    try {
        take_success(tree);
    } catch (const Error& error) {
        report_.error = error.what();
        tell_failure(tree);
        throw;
    }
    write_report();
    print_suggestions();
    return 0;
}

/// What goes wrong here must not stand in place of why the build failed.
void BuildFinish::tell_failure(const BuiltTree& tree) {
    const auto attempt = [this](const auto& step) {
        try {
            step();
        } catch (const Error& error) {
            context_.log.note(error.what());
        }
    };
    attempt([this] { write_report(); });
    attempt([&] { keep_failed(tree); });
}

void BuildFinish::take_success(const BuiltTree& tree) {
    const SortedChanges changes = sort_and_check(tree, patterns_);
    report_.undeclared_writes = paths_of(changes.undeclared);
    if (!changes.undeclared.empty() && context_.invocation.build.strict) {
        throw UsageError("--strict",
                         "the build wrote what no --output names: " + listed(report_.undeclared_writes),
                         "name it with --output, or write it to /tmp");
    }
    if (!context_.invocation.build.report.empty()) {
        report_.outputs = reported(tree, changes.outputs);
    }
    const AppliedChanges applied = apply_outputs(tree, changes.outputs);
    tell_undeclared();
    if (!applied.without_set_id.empty()) {
        context_.log.note("set-user-ID and set-group-ID bits were taken away from " +
                          listed(applied.without_set_id) + ": whoever ran them would be you");
    }
    if (applied.copied) {
        context_.log.debug("outputs were copied: the store lies on another file system than the workspace");
    }
}

/// Files that the workspace had before are what the build was made of; what it made itself is not.
void BuildFinish::collect_reads() {
    if (watch_.hidden) {
        report_.undeclared_reads.assign(watch_.hidden->paths().begin(), watch_.hidden->paths().end());
    }
    if (!watch_.reads) {
        return;
    }
    const std::string place = context_.invocation.build.place + "/";
    for (const std::string& path : watch_.reads->opened()) {
        if (!path.starts_with(place)) {
            report_.system_reads.push_back(path);
        } else if (status_below(context_.workspace.get(), path.substr(place.size()))) {
            report_.workspace_reads.push_back(path.substr(place.size()));
        }
    }
    report_.reads_gap = watch_.reads->gap();
}

void BuildFinish::write_report() {
    const std::string& path = context_.invocation.build.report;
    if (path.empty()) {
        return;
    }
    if (!report_file_) {
        report_file_.emplace(path);
    }
    write_all(report_file_->fd(), report_json(report_), "--report " + printable(path));
    report_file_->complete();
}

/// In the form of a configuration file, to be put into one.
void BuildFinish::print_suggestions() const {
    if (!context_.invocation.build.suggest_inputs) {
        return;
    }
    std::string lines;
    for (const std::string& path : report_.workspace_reads) {
        const auto pattern = pattern_of(path);
        lines += (lines.empty() ? "" : "\n") +
                 (pattern ? "input = " + *pattern : "# no line can name " + printable(path));
    }
    context_.log.result(lines.empty() ? "# nothing of the workspace was read" : lines);
    if (!report_.reads_gap.empty()) {
        context_.log.note("inputs may be missing: " + report_.reads_gap);
    }
}

void BuildFinish::tell_undeclared() const {
    if (!report_.undeclared_writes.empty()) {
        context_.log.note("dropped, for no --output names it: " + listed(report_.undeclared_writes));
    }
}

void BuildFinish::keep_failed(const BuiltTree& tree) const {
    const std::string& directory = context_.invocation.build.keep_failed;
    if (directory.empty()) {
        return;
    }
    save_tree(tree, context_.workspace_path, directory);
    context_.log.note("the tree of the failed build is in " + printable(directory));
}

} // namespace sandbox
