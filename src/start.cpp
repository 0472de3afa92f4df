// SPDX-License-Identifier: Apache-2.0
// The data flow of the architecture, one call after the other:
// Spec -> image -> layers -> rootfs -> plan -> run -> status.
#include "start.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "filter.hpp"
#include "host/host_facts.hpp"
#include "idmap/mapped_process.hpp"
#include "idmap/mapping.hpp"
#include "image/image.hpp"
#include "plan/compile.hpp"
#include "plan/confinement.hpp"
#include "plan/print.hpp"
#include "preflight.hpp"
#include "process_choice.hpp"
#include "rootfs/rootfs.hpp"
#include "rootfs/run_directory.hpp"
#include "rootfs/users.hpp"
#include "run/fuse_overlay_helper.hpp"
#include "run/run.hpp"
#include "spec/validate.hpp"
#include "start_network.hpp"

namespace sandbox {

namespace {

std::string variable(const Environment& environment, const char* name) {
    const std::string* value = environment.find(name);
    return value != nullptr ? *value : "";
}

/// The host's root is seen with the caller's own id, an image's with the whole range.
MapKind map_kind(const SandboxSpec& sandbox, const Image& image) {
    switch (sandbox.user_namespace) {
        case UserNamespace::single:
            return MapKind::single_root;
        case UserNamespace::keep_id:
            return image.kind == ImageKind::host ? MapKind::single_self : MapKind::keep_id;
        case UserNamespace::automatic:
            break;
    }
    return image.kind == ImageKind::host ? MapKind::single_self : MapKind::root_is_you;
}

/// What lies at the sources of bind mounts, as the caller sees it.
std::vector<BindSource> look_at_sources(const SandboxSpec& sandbox) {
    std::vector<BindSource> sources;
    for (const MountOperation& operation : sandbox.mounts) {
        const auto* bind = std::get_if<BindMount>(&operation);
        if (bind == nullptr) {
            continue;
        }
        char resolved[PATH_MAX];
        struct stat status {};
        if (::realpath(bind->source.c_str(), resolved) == nullptr || ::stat(resolved, &status) < 0) {
            throw SystemError(errno, "use " + printable(bind->source), bind->option,
                              errno == ENOENT ? "a bind mount's source must be there" : "");
        }
        sources.push_back({resolved, status.st_dev, status.st_ino, S_ISDIR(status.st_mode)});
    }
    return sources;
}

EtcFiles find_etc_files(const SandboxSpec& sandbox, const Image& image) {
    const bool is_host = image.kind == ImageKind::host;
    const auto host_file = [](const char* path) { return read_file_if_exists(AT_FDCWD, path).value_or(""); };
    EtcFiles etc;
    const Network network = effective_network(sandbox);
    etc.resolv_conf =
        resolv_conf_text(sandbox, network == Network::none ? "" : host_file("/etc/resolv.conf"));
    const bool wants_host_names = is_host || network == Network::host;
    etc.hosts = hosts_text(sandbox, wants_host_names ? host_file("/etc/hosts") : "");
    etc.hostname = shares(sandbox, Namespace::uts) ? "" : sandbox.hostname + "\n";
    return etc;
}

/// The ways to keep writes apart, in the order they are tried.
std::vector<RootStorage> storage_choices(const SandboxSpec& sandbox, const Image& image) {
    if (image.kind == ImageKind::host) {
        return {RootStorage::host_bind};
    }
    std::vector<RootStorage> choices;
    const bool any = sandbox.storage == Storage::automatic;
    if (any || sandbox.storage == Storage::overlay) {
        if (sandbox.upper != UpperPlace::tmpfs) {
            choices.push_back(RootStorage::overlay_disk);
        }
        if (sandbox.upper != UpperPlace::disk) {
            choices.push_back(RootStorage::overlay_tmpfs);
        }
    }
    const bool fuse_installed = ::access(fuse_overlayfs_path, X_OK) == 0;
    if (sandbox.storage == Storage::fuse || (any && sandbox.upper != UpperPlace::tmpfs && fuse_installed)) {
        choices.push_back(RootStorage::fuse_overlay);
    }
    // A directory is copied only when that is asked for: it may be anything, this machine's root for one.
    const bool copies_unasked =
        any && sandbox.upper == UpperPlace::automatic && image.kind == ImageKind::tree;
    if (sandbox.storage == Storage::copy || copies_unasked) {
        choices.push_back(RootStorage::copy);
    }
    return choices;
}

const char* storage_name(RootStorage storage) {
    switch (storage) {
        case RootStorage::host_bind:
            return "the host's root";
        case RootStorage::overlay_disk:
            return "overlay on disk";
        case RootStorage::overlay_tmpfs:
            return "overlay on a tmpfs";
        case RootStorage::fuse_overlay:
            return "fuse-overlayfs";
        case RootStorage::copy:
            return "a copy";
    }
    return "";
}

/// All that one start needs, gathered before anything is made.
struct Start {
    const Invocation& invocation;
    const Log& log;
    HostFacts host;
    Image image;
    Mapping mapping;
    std::vector<BindSource> bind_sources;
    ResolvedUser user;
    NetworkRequest network = {};
    std::vector<sock_filter> filter_memory = {};
    std::span<const sock_filter> filter = {};
    std::unique_ptr<SandboxCgroup> cgroup = {}; ///< where there are limits
};

CompiledPlan make_plan(const Start& start, const Rootfs& rootfs, const Environment& caller) {
    const Spec& spec = start.invocation.spec;
    PlanInputs inputs{spec, start.host, rootfs, start.mapping, start.user, start.bind_sources, {},
                      {},   {},         {},     false,         {}};
    inputs.etc = find_etc_files(spec.sandbox, start.image);
    inputs.command = find_command(spec, start.image, start.user);
    inputs.environment = find_environment(spec, start.image, start.user, caller);
    inputs.tty =
        spec.process.tty == TtyUse::yes || (spec.process.tty == TtyUse::automatic && start.host.terminal);
    inputs.filter = start.filter;
    inputs.directory = spec.process.working_directory;
    if (inputs.directory.empty()) {
        inputs.directory = start.image.kind == ImageKind::host ? visible_directory(spec, start.host)
                                                               : image_directory(start.image);
        // Said to people: a script that does not care where it starts has its stderr for better things.
        if (start.image.kind == ImageKind::host && inputs.directory != start.host.directory &&
            ::isatty(STDERR_FILENO) == 1) {
            start.log.note(
                "the current directory is not visible in the sandbox, which starts in /\n"
                "hint: --workspace binds it read-write, --home ro shows your home, -w / says you mean it");
        }
    }
    return compile(inputs);
}

/// Empties the run directory; where its files belong to sub-ids, from inside the user namespace that has
/// them.
void clean_up(RunDirectory& directory, const RunResult& result) {
    try {
        directory.clean();
    } catch (const SystemError& error) {
        if ((error.code() != EACCES && error.code() != EPERM) || !result.user_namespace.valid()) {
            throw;
        }
        check(::setns(result.user_namespace.get(), CLONE_NEWUSER), "enter", "the sandbox's user namespace");
        directory.clean();
    }
}

/// Clears away what killed runs and imports left, and brings a new image to the disk, beside the running
/// command.
ChildProcess start_housekeeping(const Store& store, const Mapping& mapping, const Image& image) {
    return run_mapped(mapping, [&store, &mapping, &image] {
        remove_dead_runs(store, mapping);
        (void)remove_dead_imports(store, mapping);
        if (image.unsynced) {
            sync_store(store);
        }
        return 0;
    });
}

bool has_leftovers(const Store& store, const RunDirectory& directory, const Image& image) {
    return directory.found_dead_runs() || has_imports_under_way(store) || image.unsynced;
}

/// The user waits for the command, not for this: it gets a second more, unless a signal comes. What it could
/// not remove the next start goes on with.
/// @return whether it has done all
bool end_housekeeping(const ChildProcess& housekeeping, const SignalSource& signals) {
    constexpr int patience = 1000; // milliseconds
    pollfd wait[] = {{housekeeping.pidfd.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
    if (::poll(wait, 2, patience) <= 0 || wait[0].revents == 0) {
        (void)::kill(housekeeping.pid, SIGKILL);
    }
    return wait_for(housekeeping) == 0;
}

int run_plan(Start& start, SignalSource& signals, const CompiledPlan& plan, const Store* store,
             RunDirectory* directory) {
    const ProcessSpec& process = start.invocation.spec.process;
    const RunRequest request{plan.plan(),
                             start.mapping,
                             start.log,
                             start.network,
                             {process.timeout, process.kill_after, stop_signal(start.image, start.log)},
                             start.cgroup.get()};
    ChildProcess housekeeping;
    const RunResult result = run_sandbox(request, signals, [&] {
        if (directory != nullptr && has_leftovers(*store, *directory, start.image)) {
            housekeeping = start_housekeeping(*store, start.mapping, start.image);
        }
    });
    if (housekeeping.pid > 0 && end_housekeeping(housekeeping, signals) && start.image.unsynced) {
        mark_synced(*store, start.image.id);
    }
    if (directory != nullptr) {
        clean_up(*directory, result);
    }
    // What came after the command's end was for a command that is gone: unblocked, it would kill us in place
    // of the status.
    while (signals.take()) {
    }
    return result.status;
}

/// One way of storage after the other, until one can be set up.
int run_with_storage(Start& start, SignalSource& signals, const Store* store, const Environment& caller) {
    const std::vector<RootStorage> choices = storage_choices(start.invocation.spec.sandbox, start.image);
    std::optional<LaunchError> first_failure; // says most about the host
    for (std::size_t i = 0;; ++i) {
        Rootfs rootfs{choices[i], start.image.layers, ""};
        try {
            if (rootfs.storage == RootStorage::host_bind) {
                return run_plan(start, signals, make_plan(start, rootfs, caller), nullptr, nullptr);
            }
            RunDirectory directory{*store, start.mapping};
            rootfs.run_directory = directory.path();
            if (rootfs.storage != RootStorage::copy) {
                rootfs.layers.push_back(store->scaffold());
            }
            if (rootfs.storage == RootStorage::copy) {
                copy_tree(start.image.layers, directory, start.mapping);
                rootfs.layers = {directory.path() + "/copy"};
            }
            return run_plan(start, signals, make_plan(start, rootfs, caller), store, &directory);
        } catch (const LaunchError& error) {
            // A file system that ends at once shows when the next thing is done with it.
            const bool of_the_root = error.stage() == Stage::root || error.code() == ENOTCONN;
            if (!of_the_root) {
                throw;
            }
            first_failure = first_failure.value_or(error);
            if (i + 1 == choices.size()) {
                throw LaunchError{*first_failure};
            }
            start.log.note(std::string{storage_name(choices[i])} + " does not work here (" +
                           error_text(error.code()) + "); using " + storage_name(choices[i + 1]) +
                           " instead");
        }
    }
}

int print_plan(const Start& start, const std::string& store_path, const Environment& caller) {
    const RootStorage storage = storage_choices(start.invocation.spec.sandbox, start.image).front();
    const Rootfs rootfs{storage, start.image.layers,
                        start.image.kind == ImageKind::host ? "" : store_path + "/runs/..."};
    const CompiledPlan plan = make_plan(start, rootfs, caller);
    const std::string text = start.invocation.spec.json ? plan_json(plan.plan(), start.mapping)
                                                        : plan_text(plan.plan(), start.mapping);
    write_all(STDOUT_FILENO, text, "stdout");
    return 0;
}

} // namespace

std::string store_path_of(const Invocation& invocation, const Environment& caller, const std::string& home) {
    return !invocation.root.empty() ? invocation.root
                                    : default_store_path(variable(caller, "SANDBOX_ROOT"),
                                                         variable(caller, "XDG_DATA_HOME"), home);
}

std::optional<Store> open_shared_store(const Invocation& invocation) {
    std::optional<Store> store;
    if (!invocation.shared_root.empty() && invocation.spec.sandbox.image != "host") {
        store.emplace(invocation.shared_root, StoreUse::read);
    }
    return store;
}

int start_sandbox(const Invocation& invocation, const Environment& caller) {
    const Spec& spec = invocation.spec;
    validate(spec);
    check_confinement(spec);
    const Log log{invocation.log_level};
    HostFacts host = look_at_host(variable(caller, "HOME"));
    const std::string store_path = store_path_of(invocation, caller, host.home);
    std::optional<Store> store;
    if (spec.sandbox.image != "host" && ::access(store_path.c_str(), F_OK) == 0) {
        store.emplace(store_path);
    }
    const std::optional<Store> shared = open_shared_store(invocation);
    Start start{invocation,
                log,
                std::move(host),
                identify_image(spec.sandbox.image, store ? &*store : nullptr, shared ? &*shared : nullptr),
                {},
                {},
                {}};
    // A dry run makes nothing, a store neither.
    if (start.image.kind != ImageKind::host && !store && !spec.dry_run) {
        store.emplace(store_path);
    }
    start.bind_sources = look_at_sources(spec.sandbox);
    if (!spec.dry_run) {
        start.network = request_network(spec.sandbox, log);
    }
    start.filter = find_filter(spec, store ? &*store : nullptr, log, start.filter_memory);
    if (spec.sandbox.limits.any() && !spec.dry_run) {
        start.cgroup = std::make_unique<SandboxCgroup>(
            cgroup_settings(cgroup_plan(spec.sandbox.limits)),
            SessionAddress{variable(caller, "XDG_RUNTIME_DIR"), variable(caller, "DBUS_SESSION_BUS_ADDRESS")},
            log);
    }
    const MappingRequest wanted{start.host.uid,          start.host.gid, map_kind(spec.sandbox, start.image),
                                spec.sandbox.use_domain, spec.dry_run,   store_path};
    start.mapping = prepare_mapping(wanted, log);
    // From here on this process may be in its domain: the same user, with power over the ids of its range.
    const TreeMapping trees{wanted, mapping_for_trees(wanted, start.mapping), spec.sandbox.read_only};
    if (start.image.kind == ImageKind::tree && !spec.dry_run) {
        provide_tree(start.image, *store, trees, log);
    } else if (start.image.kind == ImageKind::tree &&
               (!store || !provide_tree_if_imported(start.image, *store, trees))) {
        throw UsageError(start.image.name, "not imported yet, so there is no plan to print",
                         "start it once without --dry-run");
    }
    start.user = find_user(spec, start.image, start.mapping, start.host, log);
    if (spec.dry_run) {
        return print_plan(start, store_path, caller);
    }
    SignalSource signals = forwarded_signals();
    return run_with_storage(start, signals, store ? &*store : nullptr, caller);
}

} // namespace sandbox
