// SPDX-License-Identifier: Apache-2.0
// A build, step by step: workspace -> inputs -> epoch -> world -> run -> outputs.
#include "build.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <climits>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "build/inputs.hpp"
#include "build/saved_tree.hpp"
#include "build/world.hpp"
#include "build_check.hpp"
#include "build_finish.hpp"
#include "build_start.hpp"
#include "output_file.hpp"
#include "preflight.hpp"
#include "spec/validate.hpp"
#include "start.hpp"

namespace sandbox {

namespace {

/// 1980-01-01: the first day that zip archives can name, as Nix has it too.
constexpr const char* default_epoch = "315532800";

/// The workspace, and where the command starts in it.
void open_workspace(BuildContext& context) {
    const std::string& asked = context.invocation.build.workspace;
    const std::string path = asked.empty() ? context.host.directory : asked;
    const std::string object = path.empty() ? "the working directory" : "workspace " + printable(path);
    char resolved[PATH_MAX];
    if (path.empty() || ::realpath(path.c_str(), resolved) == nullptr) {
        throw SystemError(path.empty() ? ENOENT : errno, "use", object, "-C names the workspace");
    }
    context.workspace_path = resolved;
    context.workspace = UniqueFd{check(::open(resolved, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", object)};
    struct statfs kind {};
    check(::fstatfs(context.workspace.get(), &kind), "look at", object);
    if (context.workspace_path == "/" || kind.f_type == PROC_SUPER_MAGIC || kind.f_type == SYSFS_MAGIC) {
        throw UsageError(object, "no overlay can be mounted over it, and a build needs one",
                         "-C names the directory that holds the sources");
    }
    const std::string& here = context.host.directory;
    if (here.starts_with(context.workspace_path + "/")) {
        context.start_directory = here.substr(context.workspace_path.size() + 1);
    }
}

/// Combinations that promise what cannot be.
void validate_build(const Invocation& invocation) {
    const BuildSpec& build = invocation.build;
    if (effective_network(invocation.spec.sandbox) == Network::host) {
        // Abstract sockets of the host, session bus and all, are in reach then. CVE-2024-27297.
        throw UsageError("--network host", "a build never has the host's network",
                         "--network slirp --allow HOST gives it one host");
    }
    if (build.check && (!build.report.empty() || build.suggest_inputs || !build.keep_failed.empty())) {
        throw UsageError("--check", "only compares: it makes no report, and keeps no tree",
                         "leave out --report, --suggest-inputs and --keep-failed");
    }
    if (build.check && invocation.spec.process.preserved_fds > 0) {
        throw UsageError("--check, --preserve-fds",
                         "what the first build has read of a descriptor, the second would miss",
                         "drop one of the two");
    }
    if (build.strict && invocation.spec.process.filter.kind == FilterKind::report) {
        throw UsageError("--strict, --seccomp log", "both listen to the build's system calls",
                         "drop one of the two");
    }
}

/// What cannot be taken back at the end is refused at the beginning.
void require_writable(const BuildContext& context) {
    const BuildSpec& build = context.invocation.build;
    if (!build.check && !build.outputs.empty() && ::access(context.workspace_path.c_str(), W_OK) < 0) {
        throw SystemError(errno, "put outputs into", "workspace " + printable(context.workspace_path),
                          "--check builds without touching the workspace");
    }
    if (!build.report.empty()) {
        OutputFile::require_place(build.report, "--report " + printable(build.report));
    }
    if (!build.keep_failed.empty()) {
        require_place_to_save(build.keep_failed, context.workspace_path);
    }
}

/// Runs git in the same world, for a stranger's repository may name programs in its configuration.
std::string epoch_of_git(const BuildContext& context, SignalSource& signals) {
    const World world = standard_world(context.invocation.build.place);
    const UniqueFd saved_in{check(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), "keep", "stdin")};
    const UniqueFd saved_out{check(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), "keep", "stdout")};
    const UniqueFd output{check(::memfd_create("epoch", MFD_CLOEXEC), "make", "a file in memory")};
    check(::dup2(output.get(), STDOUT_FILENO), "redirect", "stdout");
    BuildRun run{world, {"git", "-c", "safe.directory=*", "log", "-1", "--format=%ct"}};
    run.whole_workspace = true;
    run.preserves_fds = false; // they are the command's
    run.finished = [](const FinishedRun& finished) { return finished.status; };
    const int status = run_in_world(context, run, signals);
    check(::dup2(saved_in.get(), STDIN_FILENO), "restore", "stdin");
    check(::dup2(saved_out.get(), STDOUT_FILENO), "restore", "stdout");
    check(::lseek(output.get(), 0, SEEK_SET), "read", "the time of the last commit");
    const std::string text = read_all(output.get(), "the time of the last commit");
    const auto seconds = parse_number(trim(text));
    if (asks_to_end(status - 128)) {
        throw Interrupted{status - 128};
    }
    if (status != 0 || !seconds) {
        throw UsageError("--epoch git", "git tells no time of a last commit",
                         "the workspace must be a repository with a commit, and the image must have git");
    }
    return std::to_string(*seconds);
}

std::string find_epoch(const BuildContext& context, SignalSource& signals) {
    const BuildSpec& build = context.invocation.build;
    if (build.epoch_of_git) {
        return epoch_of_git(context, signals);
    }
    if (build.epoch) {
        return std::to_string(*build.epoch);
    }
    const std::string* given = context.caller.find("SOURCE_DATE_EPOCH");
    if (given == nullptr || given->empty()) {
        return default_epoch;
    }
    if (!parse_number(*given)) {
        throw UsageError("SOURCE_DATE_EPOCH=" + printable(*given), "not a number of seconds",
                         "unset it, or --epoch SECONDS");
    }
    return *given;
}

int build_once(const BuildContext& context, SignalSource& signals) {
    const World world = standard_world(context.invocation.build.place);
    BuildFinish finish{context};
    BuildRun run{world, context.invocation.spec.process.command};
    run.onlooker = finish.onlooker();
    run.traces_reads = finish.traces_reads();
    run.lookups = finish.lookups();
    run.finished = [&](const FinishedRun& finished) { return finish.take(finished); };
    return run_in_world(context, run, signals);
}

} // namespace

int run_build(const Invocation& invocation, const Environment& caller) {
    const Spec& spec = invocation.spec;
    validate(spec);
    validate_build(invocation);
    check_confinement(spec);
    const Log log{invocation.log_level};
    const std::string* home = caller.find("HOME");
    const HostFacts host = look_at_host(home != nullptr ? *home : "");
    BuildContext context{invocation, caller, log, host};
    context.store_path = store_path_of(invocation, caller, host.home);
    std::optional<Store> store;
    if (!spec.dry_run || ::access(context.store_path.c_str(), F_OK) == 0) {
        store.emplace(context.store_path);
        context.store = &*store;
    }
    const std::optional<Store> shared = open_shared_store(invocation);
    context.shared = shared ? &*shared : nullptr;
    open_workspace(context);
    require_writable(context);
    context.shown.inputs =
        expand_inputs(context.workspace.get(), parse_patterns("--input", invocation.build.inputs));
    context.shown.directories =
        output_directories(context.workspace.get(), parse_patterns("--output", invocation.build.outputs));
    context.epoch = default_epoch;
    if (spec.dry_run) {
        return print_build_plan(context, standard_world(invocation.build.place));
    }
    provide_image(context);
    if (effective_network(spec.sandbox) != Network::none) {
        log.note("the build has a network, so it is not hermetic");
    }
    SignalSource signals = forwarded_signals();
    context.checkpoint = [&signals] { signals.checkpoint(); };
    context.epoch = find_epoch(context, signals);
    // From here on both worlds of a check are given the same.
    return invocation.build.check ? check_build(context, signals) : build_once(context, signals);
}

} // namespace sandbox
