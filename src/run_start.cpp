// SPDX-License-Identifier: Apache-2.0
// One start, run: where its writes go, its plan, its end, and what is cleared away then.
#include "run_start.hpp"

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
#include "idmap/mapped_process.hpp"
#include "plan/confinement.hpp"
#include "plan/print.hpp"
#include "preflight.hpp"
#include "rootfs/run_directory.hpp"
#include "run/fuse_overlay_helper.hpp"
#include "spec/validate.hpp"
#include "start_network.hpp"

namespace sandbox {

namespace {

BindSource look_at(const std::string& path, const std::string& option) {
    char resolved[PATH_MAX];
    struct stat status {};
    if (::realpath(path.c_str(), resolved) == nullptr || ::stat(resolved, &status) < 0) {
        throw SystemError(errno, "use " + printable(path), option,
                          errno == ENOENT ? "a bind mount's source must be there" : "");
    }
    return {resolved, status.st_dev, status.st_ino, S_ISDIR(status.st_mode)};
}

bool has_workspace(const Spec& spec) {
    for (const MountOperation& operation : spec.sandbox.mounts) {
        if (std::holds_alternative<OverlayMount>(operation)) {
            return true;
        }
    }
    return false;
}

/// The ways to keep writes apart, in the order they are tried.
std::vector<RootStorage> storage_choices(const Start& start) {
    const SandboxSpec& sandbox = start.spec.sandbox;
    const Image& image = start.image;
    if (image.kind == ImageKind::host) {
        return {start.host_parts.empty() ? RootStorage::host_bind : RootStorage::host_parts};
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
        case RootStorage::host_parts:
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

CompiledPlan make_plan(const Start& start, const Rootfs& rootfs) {
    PlanInputs inputs{start.spec,        start.host,         rootfs,    start.mapping,
                      start.user,        start.bind_sources, start.etc, start.command,
                      start.environment, start.directory,    start.tty, start.filter};
    inputs.makes_directory = start.makes_directory;
    inputs.trace = start.trace;
    inputs.lookups = start.lookups;
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

/// Clears away what killed runs and imports left, and brings an image to the disk that is not there for sure,
/// beside the running command.
class Housekeeping {
  public:
    void start(const Store& store, const Mapping& mapping, const Image& image, bool leftovers) {
        // An image of this very start is left to itself for a moment: where the command is over by then, a
        // later start finds that the kernel has written most of it.
        const bool syncs_later = image.is_new && !leftovers;
        patience_ = syncs_later ? 0 : one_second;
        syncs_ = image.unsynced && (syncs_later || !image.is_new);
        process_ = run_mapped(mapping, [this, &store, &mapping, syncs_later] {
            remove_dead_runs(store, mapping);
            (void)remove_dead_imports(store, mapping);
            if (syncs_later) {
                (void)::poll(nullptr, 0, one_second);
            }
            if (syncs_) {
                sync_store(store);
            }
            return 0;
        });
    }

    /// The user waits for the command, not for this: it gets a second more at most, unless a signal comes.
    /// What it could not do the next start goes on with.
    /// @return whether the image has been brought to the disk
    bool end(const SignalSource& signals) {
        if (process_.pid <= 0) {
            return false;
        }
        pollfd wait[] = {{process_.pidfd.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
        if (::poll(wait, 2, patience_) <= 0 || wait[0].revents == 0) {
            (void)::kill(process_.pid, SIGKILL);
        }
        return wait_for(process_) == 0 && syncs_;
    }

  private:
    static constexpr int one_second = 1000; // milliseconds
    ChildProcess process_;
    int patience_ = 0;
    bool syncs_ = false;
};

/// What a run writes to, claimed for as long as it lasts.
struct RunDirectories {
    std::optional<RunDirectory> root;
    std::optional<RunDirectory> workspace;

    [[nodiscard]] bool any() const { return root || workspace; }
    [[nodiscard]] bool has_leftovers(const Store& store) const {
        return (root && root->found_dead_runs()) || (workspace && workspace->found_dead_runs()) ||
               (any() && has_imports_under_way(store));
    }

    void clean_up(const RunResult& result) {
        for (std::optional<RunDirectory>* directory : {&root, &workspace}) {
            if (*directory) {
                sandbox::clean_up(**directory, result);
            }
        }
    }
};

int run_plan(Start& start, SignalSource& signals, const CompiledPlan& plan, const Store* store,
             RunDirectories& directories) {
    const ProcessSpec& process = start.spec.process;
    const RunRequest request{plan.plan(),
                             start.mapping,
                             start.log,
                             start.network,
                             {process.timeout, process.kill_after, start.stop_signal},
                             start.cgroup.get(),
                             start.onlooker};
    Housekeeping housekeeping;
    const RunResult result = run_sandbox(request, signals, [&] {
        if (store == nullptr) {
            return;
        }
        const bool leftovers = directories.has_leftovers(*store);
        if (leftovers || (directories.any() && start.image.unsynced)) {
            try {
                housekeeping.start(*store, start.mapping, start.image, leftovers);
            } catch (const Error& error) {
                // The command runs already, and the next start can do it.
                start.log.debug(error.object() + ": " + error.reason());
            }
        }
    });
    if (housekeeping.end(signals)) {
        mark_synced(*store, start.image.id);
    }
    const std::string upper = directories.workspace && !result.workspace_upper.valid()
                                  ? directories.workspace->path() + "/upper"
                                  : "";
    const int status = start.finished({result.status, upper, result.workspace_upper});
    directories.clean_up(result);
    // What came after the command's end was for a command that is gone: unblocked, it would kill us in place
    // of the status.
    while (signals.take()) {
    }
    return status;
}

/// The layers of one way of storage, in the directories that it needs.
Rootfs make_rootfs(const Start& start, RootStorage storage, bool workspace_on_tmpfs, const Store* store,
                   RunDirectories& directories) {
    Rootfs rootfs{storage, start.image.layers, ""};
    rootfs.host_parts = start.host_parts;
    if (has_workspace(start.spec)) {
        directories.workspace.emplace(*store, start.mapping);
        rootfs.workspace = {directories.workspace->path(), workspace_on_tmpfs};
    }
    if (start.image.kind == ImageKind::host) {
        return rootfs;
    }
    directories.root.emplace(*store, start.mapping);
    rootfs.run_directory = directories.root->path();
    if (storage == RootStorage::copy) {
        copy_tree(start.image.layers, *directories.root, start.mapping);
        rootfs.layers = {directories.root->path() + "/copy"};
    } else {
        rootfs.layers.push_back(store->scaffold());
    }
    return rootfs;
}

} // namespace

std::vector<BindSource> look_at_sources(const SandboxSpec& sandbox) {
    std::vector<BindSource> sources;
    for (const MountOperation& operation : sandbox.mounts) {
        if (const auto* bind = std::get_if<BindMount>(&operation)) {
            sources.push_back(look_at(bind->source, bind->option));
        } else if (const auto* overlay = std::get_if<OverlayMount>(&operation)) {
            sources.push_back(look_at(overlay->source, overlay->option));
        }
    }
    return sources;
}

void provide_confinement(Start& start, const Store* store, const Environment& caller) {
    if (!start.spec.dry_run) {
        start.network = request_network(start.spec.sandbox, start.log);
    }
    start.filter = find_filter(start.spec, store, start.log, start.filter_memory);
    if (start.spec.sandbox.limits.any() && !start.spec.dry_run) {
        const auto variable = [&](const char* name) {
            const std::string* value = caller.find(name);
            return value != nullptr ? *value : std::string{};
        };
        std::vector<CgroupSetting> settings = cgroup_settings(start.spec.sandbox.limits);
        for (CgroupSetting& setting : device_rate_settings(start.spec.sandbox.limits.device_rates)) {
            settings.push_back(std::move(setting));
        }
        start.cgroup = std::make_unique<SandboxCgroup>(
            settings, SessionAddress{variable("XDG_RUNTIME_DIR"), variable("DBUS_SESSION_BUS_ADDRESS")},
            start.log);
    }
}

EtcFiles find_etc_files(const SandboxSpec& sandbox, bool is_host) {
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

int run_start(Start& start, SignalSource& signals, const Store* store) {
    const std::vector<RootStorage> choices = storage_choices(start);
    std::optional<LaunchError> first_failure; // says most about the host
    bool workspace_on_tmpfs = false;
    for (std::size_t i = 0;;) {
        try {
            RunDirectories directories;
            const Rootfs rootfs = make_rootfs(start, choices[i], workspace_on_tmpfs, store, directories);
            return run_plan(start, signals, make_plan(start, rootfs), store, directories);
        } catch (const LaunchError& error) {
            // A file system that ends at once shows when the next thing is done with it.
            const bool of_the_root = error.stage() == Stage::root || error.code() == ENOTCONN;
            const bool of_the_workspace = error.stage() == Stage::workspace && !workspace_on_tmpfs;
            if (!of_the_root && !of_the_workspace) {
                throw;
            }
            const std::string why = " does not work here (" + error_text(error.code()) + "); using ";
            if (of_the_workspace) {
                workspace_on_tmpfs = true;
                start.log.note("an overlay of the workspace on disk" + why + "one on a tmpfs instead");
                continue;
            }
            first_failure = first_failure.value_or(error);
            if (i + 1 == choices.size()) {
                throw LaunchError{*first_failure};
            }
            start.log.note(std::string{storage_name(choices[i])} + why + storage_name(choices[i + 1]) +
                           " instead");
            ++i;
        }
    }
}

int print_plan(const Start& start, const std::string& store_path) {
    Rootfs rootfs{storage_choices(start).front(), start.image.layers,
                  start.image.kind == ImageKind::host ? "" : store_path + "/runs/..."};
    rootfs.host_parts = start.host_parts;
    if (has_workspace(start.spec)) {
        rootfs.workspace = {store_path + "/runs/...", false};
    }
    const CompiledPlan plan = make_plan(start, rootfs);
    const auto print = start.spec.json ? plan_json : plan_text;
    const std::string text = print(plan.plan(), start.mapping, start.spec.sandbox.limits);
    write_all(STDOUT_FILENO, text, "stdout");
    return 0;
}

} // namespace sandbox
