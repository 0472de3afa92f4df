// SPDX-License-Identifier: Apache-2.0
// A build's world made of a Spec and what else a start takes.
#include "build_start.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "build/directory.hpp"
#include "build/inputs.hpp"
#include "build/world_files.hpp"
#include "import_apart.hpp"
#include "rootfs/users.hpp"
#include "spec/validate.hpp"

namespace sandbox {

namespace {

/// What of the host's root holds tools, and what they need. Everything else, homes and data, stays out: -v
/// brings in what a build wants of it.
constexpr const char* tool_directories[] = {"/usr", "/bin", "/sbin", "/etc",
                                            "/opt", "/nix", "/gnu",  "/var/lib"};

bool lies_in(const std::string& path, const std::string& directory) {
    return path == directory || path.starts_with(directory + "/");
}

std::vector<HostPart> find_host_parts() {
    std::vector<std::string> paths{std::begin(tool_directories), std::end(tool_directories)};
    const UniqueFd top{check(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", "/")};
    for (const std::string& name : names_in(top.get(), "/")) {
        if (name.starts_with("lib")) { // lib, lib64, lib32, libx32
            paths.push_back("/" + name);
        }
    }
    std::vector<HostPart> parts;
    for (const std::string& path : paths) {
        struct stat status {};
        if (::lstat(path.c_str(), &status) < 0) {
            continue;
        }
        if (S_ISDIR(status.st_mode)) {
            parts.push_back({path, ""});
        } else if (S_ISLNK(status.st_mode)) {
            char link[PATH_MAX];
            const ssize_t length = ::readlink(path.c_str(), link, sizeof link);
            parts.push_back(
                {path, std::string(link, static_cast<std::size_t>(std::max<ssize_t>(length, 0)))});
        }
    }
    return parts;
}

/// Over what of the host's would show the workspace a second time, or the caller's home.
void cover_in_host_parts(const BuildContext& context, const std::vector<HostPart>& parts,
                         SandboxSpec& sandbox) {
    for (const std::string& path : {context.host.home, context.workspace_path}) {
        const bool is_seen = std::any_of(parts.begin(), parts.end(), [&](const HostPart& part) {
            return part.link.empty() && path != part.path && lies_in(path, part.path);
        });
        if (is_seen) {
            constexpr unsigned nobody_writes = 0555;
            sandbox.mounts.insert(sandbox.mounts.begin(), TmpfsMount{path, 4096, nobody_writes});
        }
    }
}

Spec spec_in(const BuildContext& context, const BuildRun& run) {
    Spec spec = context.invocation.spec;
    spec.sandbox.hostname = run.world.hostname;
    spec.sandbox.read_only = true; // what is written is written to the workspace, or is gone
    spec.process.tty = spec.process.tty == TtyUse::automatic ? TtyUse::no : spec.process.tty;
    spec.process.preserved_fds = run.preserves_fds ? spec.process.preserved_fds : 0;
    OverlayMount workspace;
    workspace.source = run.source.empty() ? context.workspace_path : run.source;
    workspace.target = run.world.place;
    workspace.option = "workspace " + printable(context.workspace_path);
    // A copy has what is to be seen, and nothing else.
    if (run.source.empty() && !run.whole_workspace) {
        workspace.hidden = hidden_by(context.workspace.get(), context.shown);
    }
    spec.sandbox.mounts.insert(spec.sandbox.mounts.begin(), std::move(workspace));
    return spec;
}

MappingRequest tree_request(const BuildContext& context, MapKind kind) {
    return {context.host.uid, context.host.gid, kind, true, true, context.store_path};
}

/// The image's tree as it is stored, whichever map it was made with: the one id of a build has no power over
/// it anyway.
bool find_tree(Image& image, const BuildContext& context) {
    const Log quiet{LogLevel::error};
    for (const MapKind kind : {MapKind::root_is_you, MapKind::single_root}) {
        const MappingRequest request = tree_request(context, kind);
        if (context.store != nullptr &&
            provide_tree_if_imported(image, *context.store,
                                     {request, prepare_mapping(request, quiet), true})) {
            return true;
        }
    }
    return false;
}

void require_tree(Start& start, const BuildContext& context) {
    if (find_tree(start.image, context)) {
        return;
    }
    if (context.invocation.spec.dry_run) {
        throw UsageError(start.image.name, "not imported yet, so there is no plan to print",
                         "start it once without --dry-run");
    }
    throw Error(start.image.name, "was removed while the build started", "start it again");
}

ResolvedUser user_in(const World& world) {
    return {world.uid, world.gid, {}, world.user, "/homeless", "/bin/sh"};
}

EtcFiles etc_in(const World& world, const Start& start) {
    EtcFiles etc = find_etc_files(start.spec.sandbox, false);
    const bool is_host = start.image.kind == ImageKind::host;
    const auto image_file = [&](const char* path) {
        return is_host ? "" : read_image_file(start.image.layers, path).value_or("");
    };
    etc.others = {{"/etc/passwd", passwd_of(world, image_file("etc/passwd"))},
                  {"/etc/group", group_of(world, image_file("etc/group"))}};
    for (const WorldFile& file : files_of(world)) {
        etc.others.push_back({file.path, file.content});
    }
    return etc;
}

Environment environment_in(const BuildContext& context, const World& world, const Start& start) {
    Environment environment;
    for (const std::string& entry : start.image.config.environment) {
        const auto equals = entry.find('=');
        environment.set(entry.substr(0, equals), entry.substr(equals + 1));
    }
    environment.set_if_absent("PATH", default_path);
    environment.set("HOME", "/homeless");
    environment.set("LANG", world.locale);
    environment.set("TZ", world.timezone);
    environment.set("SOURCE_DATE_EPOCH", context.epoch);
    if (world.locale_for_all) {
        environment.set("LC_ALL", world.locale);
    }
    for (const auto& [name, value] : world.variables) {
        environment.set(name, value);
    }
    apply_user_changes(start.spec.process, effective_network(start.spec.sandbox) == Network::slirp,
                       context.caller, environment);
    return environment;
}

/// What the child inherits of this process, for as long as it lives.
class InheritedWorld {
  public:
    explicit InheritedWorld(const World& world) : umask_(::umask(world.umask)) {
        CPU_ZERO(&processors_);
        if (world.one_processor && ::sched_getaffinity(0, sizeof processors_, &processors_) == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            for (std::size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
                if (CPU_ISSET(cpu, &processors_)) {
                    CPU_SET(cpu, &one);
                }
            }
            (void)::sched_setaffinity(0, sizeof one, &one); // then both worlds see as many
        }
        constexpr unsigned long ask = 0xffffffff;
        personality_ = ::personality(ask);
        const int wanted = personality_ | (world.fixed_addresses ? ADDR_NO_RANDOMIZE : 0) |
                           (world.other_release ? UNAME26 : 0);
        if (personality_ >= 0 && wanted != personality_) {
            (void)::personality(static_cast<unsigned long>(wanted));
        }
    }
    ~InheritedWorld() {
        (void)::umask(umask_);
        if (CPU_COUNT(&processors_) > 0) {
            (void)::sched_setaffinity(0, sizeof processors_, &processors_);
        }
        if (personality_ >= 0) {
            (void)::personality(static_cast<unsigned long>(personality_));
        }
    }
    InheritedWorld(const InheritedWorld&) = delete;
    InheritedWorld& operator=(const InheritedWorld&) = delete;

  private:
    mode_t umask_;
    cpu_set_t processors_;
    int personality_ = -1;
};

/// All of a start but its image's tree, network, filter and cgroup.
Start gather(const BuildContext& context, const BuildRun& run, Spec& spec) {
    Image image = identify_image(spec.sandbox.image, context.store, context.shared);
    std::vector<HostPart> parts;
    if (image.kind == ImageKind::host) {
        parts = find_host_parts();
        cover_in_host_parts(context, parts, spec.sandbox);
    }
    Start start{spec, context.log, context.host, std::move(image)};
    start.host_parts = std::move(parts);
    start.bind_sources = look_at_sources(spec.sandbox);
    start.mapping = single_id_mapping(start.host.uid, start.host.gid, run.world.uid, run.world.gid);
    if (start.image.kind == ImageKind::tree) {
        require_tree(start, context);
    }
    start.user = user_in(run.world);
    start.etc = etc_in(run.world, start);
    start.command = run.command;
    start.environment = environment_in(context, run.world, start).strings();
    start.directory = !spec.process.working_directory.empty()
                          ? spec.process.working_directory
                          : joined(run.world.place, context.start_directory);
    start.tty = spec.process.tty == TtyUse::yes;
    return start;
}

} // namespace

void provide_image(const BuildContext& context) {
    Image image = identify_image(context.invocation.spec.sandbox.image, context.store, context.shared);
    if (image.kind == ImageKind::tree && !find_tree(image, context)) {
        MappingRequest request = tree_request(context, MapKind::root_is_you);
        request.dry = false;
        import_apart(image, *context.store, request, context.log);
    }
}

int run_in_world(const BuildContext& context, const BuildRun& run, SignalSource& signals) {
    Spec spec = spec_in(context, run);
    Start start = gather(context, run, spec);
    provide_confinement(start, context.store, context.caller);
    start.onlooker = run.onlooker;
    start.trace = run.traces_reads;
    start.lookups = run.lookups;
    start.finished = run.finished;
    const InheritedWorld inherited{run.world};
    return run_start(start, signals, context.store);
}

int print_build_plan(const BuildContext& context, const World& world) {
    const BuildRun run{world, context.invocation.spec.process.command};
    Spec spec = spec_in(context, run);
    Start start = gather(context, run, spec);
    provide_confinement(start, context.store, context.caller);
    return print_plan(start, context.store_path);
}

} // namespace sandbox
