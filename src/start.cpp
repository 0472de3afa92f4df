// SPDX-License-Identifier: Apache-2.0
// The data flow of the architecture, one call after the other:
// Spec -> image -> layers -> rootfs -> plan -> run -> status.
#include "start.hpp"

#include <unistd.h>

#include "base/error.hpp"
#include "host/host_facts.hpp"
#include "idmap/mapping.hpp"
#include "image/image.hpp"
#include "plan/compile.hpp"
#include "preflight.hpp"
#include "process_choice.hpp"
#include "run_start.hpp"
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

/// Where the command starts.
std::string find_directory(const Spec& spec, const Start& start) {
    if (!spec.process.working_directory.empty()) {
        return spec.process.working_directory;
    }
    if (start.image.kind != ImageKind::host) {
        return image_directory(start.image);
    }
    std::string directory = visible_directory(spec, start.host);
    // Said to people: a script that does not care where it starts has its stderr for better things.
    if (directory != start.host.directory && ::isatty(STDERR_FILENO) == 1) {
        start.log.note(
            "the current directory is not visible in the sandbox, which starts in /\n"
            "hint: --workspace binds it read-write, --home ro shows your home, -w / says you mean it");
    }
    return directory;
}

void choose_process(Start& start, const Environment& caller) {
    const Spec& spec = start.spec;
    start.user = find_user(spec, start.image, start.mapping, start.host, start.log);
    start.etc = find_etc_files(spec.sandbox, start.image.kind == ImageKind::host);
    start.command = find_command(spec, start.image, start.user);
    start.environment = find_environment(spec, start.image, start.user, caller);
    start.directory = find_directory(spec, start);
    start.makes_directory = spec.process.working_directory.empty() && start.image.kind != ImageKind::host;
    start.tty =
        spec.process.tty == TtyUse::yes || (spec.process.tty == TtyUse::automatic && start.host.terminal);
    start.stop_signal = stop_signal(start.image, start.log);
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
    Start start{spec, log, std::move(host),
                identify_image(spec.sandbox.image, store ? &*store : nullptr, shared ? &*shared : nullptr)};
    // A dry run makes nothing, a store neither.
    if (start.image.kind != ImageKind::host && !store && !spec.dry_run) {
        store.emplace(store_path);
    }
    start.bind_sources = look_at_sources(spec.sandbox);
    provide_confinement(start, store ? &*store : nullptr, caller);
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
    if (spec.sandbox.network.publish_exposed && !spec.dry_run) {
        publish_exposed_ports(start.image.config.ports, start.network, log);
    }
    choose_process(start, caller);
    if (spec.dry_run) {
        return print_plan(start, store_path);
    }
    SignalSource signals = forwarded_signals();
    return run_start(start, signals, store ? &*store : nullptr);
}

} // namespace sandbox
