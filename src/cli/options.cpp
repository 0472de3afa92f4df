// SPDX-License-Identifier: Apache-2.0
// The table of options and the table of commands.
#include "cli/options.hpp"

#include <algorithm>

#include "base/network_rules.hpp"
#include "base/text.hpp"
#include "cli/option_values.hpp"
#include "spec/confinement.hpp"
#include "spec/parse.hpp"

namespace sandbox {

namespace {

using Context = ParseContext;

constexpr auto build = OptionGroup::build;
constexpr auto files = OptionGroup::files;
constexpr auto process = OptionGroup::process;
constexpr auto network = OptionGroup::network;
constexpr auto isolation = OptionGroup::isolation;
constexpr auto limits = OptionGroup::limits;
constexpr auto root = OptionGroup::root;
constexpr auto general = OptionGroup::general;
constexpr auto none = OptionValue::none;
constexpr auto required = OptionValue::required;
constexpr auto after_equals = OptionValue::after_equals;

constexpr Option options[] = {
    {"image", 0, required, "IMAGE", nullptr, "build with the tools of IMAGE (default host)", build,
     [](Invocation& i, const std::string& v, const Context&) { i.spec.sandbox.image = v; }},
    {"directory", 'C', required, "DIR", nullptr, "the workspace (default: the current directory)", build,
     [](Invocation& i, const std::string& v, const Context& c) {
         i.build.workspace = path_value("--directory", v, c);
     }},
    {"build-path", 0, required, "PATH", nullptr, "where the workspace is seen (default /build)", build,
     [](Invocation& i, const std::string& v, const Context&) { i.build.place = parse_build_path(v); }},
    {"input", 0, required, "PATH", nullptr, "only such paths of the workspace are seen; *, ? and ** match",
     build, [](Invocation& i, const std::string& v, const Context&) { i.build.inputs.push_back(v); }},
    {"output", 'o', required, "FILE", nullptr,
     "build: what it makes (default: every change); export: the tar", build,
     [](Invocation& i, const std::string& v, const Context&) { add_output(i, v); }},
    {"strict", 0, none, nullptr, nullptr, "writing what no --output names is an error", build,
     [](Invocation& i, const std::string& v, const Context&) {
         i.build.strict = switch_value("--strict", v);
     }},
    {"keep-failed", 0, required, "DIR", nullptr, "save the tree of a build that fails in DIR", build,
     [](Invocation& i, const std::string& v, const Context& c) {
         i.build.keep_failed = path_value("--keep-failed", v, c);
     }},
    {"epoch", 0, required, "git|SECONDS", nullptr,
     "SOURCE_DATE_EPOCH (default: the caller's); git: last commit's", build,
     [](Invocation& i, const std::string& v, const Context&) { set_epoch(i, v); }},
    {"check", 0, none, nullptr, nullptr, "build twice in worlds that differ, compare, and change nothing",
     build,
     [](Invocation& i, const std::string& v, const Context&) { i.build.check = switch_value("--check", v); }},
    {"vary", 0, required, "NAME,...", nullptr, "in what they differ (default: everything but path)", build,
     [](Invocation& i, const std::string& v, const Context&) { i.build.variations = parse_variations(v); }},
    {"report", 0, required, "FILE", nullptr, "tell in JSON what was built, of what, and what was read", build,
     [](Invocation& i, const std::string& v, const Context& c) {
         i.build.report = v == "-" ? v : path_value("--report", v, c);
     }},
    {"suggest-inputs", 0, none, nullptr, nullptr, "print the files that were read, as --input takes them",
     build,
     [](Invocation& i, const std::string& v, const Context&) {
         i.build.suggest_inputs = switch_value("--suggest-inputs", v);
     }},

    {"volume", 'v', required, "SRC:DST[:ro]", nullptr, "bind SRC of the host on DST inside", files,
     [](Invocation& i, const std::string& v, const Context& c) {
         i.spec.sandbox.mounts.emplace_back(parse_volume(v, c.directory));
     }},
    {"mount", 0, required, "type=bind|tmpfs,...", nullptr, "the same with src=, dst=, ro; or a tmpfs", files,
     [](Invocation& i, const std::string& v, const Context& c) {
         i.spec.sandbox.mounts.push_back(parse_mount(v, c.directory));
     }},
    {"tmpfs", 0, required, "DST[:size=,mode=]", nullptr, "a private file system in memory on DST", files,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.mounts.emplace_back(parse_tmpfs(v));
     }},
    {"workspace", 0, after_equals, "DIR", ".", "bind DIR (default: here) at its own path, and start there",
     files, add_workspace},
    {"home", 0, required, "hide|ro|rw", nullptr, "with IMAGE host: what is seen of your home (default hide)",
     files, [](Invocation& i, const std::string& v, const Context&) { i.spec.sandbox.home = parse_home(v); }},
    {"tz", 0, required, "local|ZONE", nullptr,
     "the time zone inside: the host's, or one such as Europe/Berlin", files,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.timezone = timezone_value(v);
     }},

    {"env", 'e', required, "NAME[=VALUE]", nullptr, "set a variable; without a value, the caller's", process,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.environment.push_back(parse_environment(v, "--env"));
     }},
    {"env-file", 0, required, "FILE", nullptr, "set variables from the lines of FILE", process,
     [](Invocation& i, const std::string& v, const Context&) { add_environment_file(i, v); }},
    {"clear-env", 0, none, nullptr, nullptr, "start with no variables but those set by -e and --env-file",
     process,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.clear_environment = switch_value("--clear-env", v);
     }},
    {"http-proxy", 0, none, nullptr, nullptr, "pass the caller's proxy variables (the default)", process,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.pass_proxies = switch_value("--http-proxy", v);
     }},
    {"no-http-proxy", 0, none, nullptr, nullptr, "do not pass them", process,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.pass_proxies = !switch_value("--no-http-proxy", v);
     }},
    {"workdir", 'w', required, "DIR", nullptr, "where the command starts (default /)", process,
     [](Invocation& i, const std::string& v, const Context&) {
         if (!v.starts_with('/')) {
             refuse_value("--workdir", v, "an absolute path inside the sandbox");
         }
         i.spec.process.working_directory = v;
     }},
    {"user", 'u', required, "NAME|UID[:GROUP|GID]", nullptr,
     "who runs the command, as the image's passwd has it", process,
     [](Invocation& i, const std::string& v, const Context&) {
         if (v.empty()) {
             refuse_value("--user", v, "a name or a number");
         }
         i.spec.process.user = v;
     }},
    {"entrypoint", 0, required, "COMMAND", nullptr, "run COMMAND; what follows the image are its arguments",
     process, [](Invocation& i, const std::string& v, const Context&) { i.spec.process.entrypoint = v; }},
    {"preserve-fds", 0, required, "N", nullptr, "pass descriptors 3 to 2+N on", process,
     [](Invocation& i, const std::string& v, const Context&) {
         const auto count = parse_number(v, 1000);
         if (!count) {
             refuse_value("--preserve-fds", v, "a number up to 1000");
         }
         i.spec.process.preserved_fds = static_cast<unsigned>(*count);
     }},
    {"init", 0, none, nullptr, nullptr, "a tiny reaping pid 1 above the command (the default)", process,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.init = switch_value("--init", v);
     }},
    {"no-init", 0, none, nullptr, nullptr, "the command is pid 1 itself", process,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.init = !switch_value("--no-init", v);
     }},
    {"tty", 't', none, nullptr, nullptr, "give it a terminal (default: if stdin and stdout are ones)",
     process,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.tty = switch_value("--tty", v) ? TtyUse::yes : TtyUse::no;
     }},
    {"no-tty", 'T', none, nullptr, nullptr, "give it none: pipes pass untouched", process,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.tty = switch_value("--no-tty", v) ? TtyUse::no : TtyUse::yes;
     }},
    {"timeout", 0, required, "DURATION", nullptr, "SIGTERM after this long; exit status 124", process,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.timeout = duration_value("--timeout", v);
     }},
    {"kill-after", 0, required, "DURATION", nullptr,
     "SIGKILL this long after --timeout's SIGTERM (default 10s)", process,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.kill_after = duration_value("--kill-after", v);
     }},
    {"interactive", 'i', none, nullptr, nullptr, "for podman's habit: stdin is always passed on", process,
     [](Invocation&, const std::string& v, const Context&) { (void)switch_value("--interactive", v); }},
    {"rm", 0, none, nullptr, nullptr, "for podman's habit: what the command writes is always removed",
     process, [](Invocation&, const std::string& v, const Context&) { (void)switch_value("--rm", v); }},

    {"network", 0, required, "slirp|none|host", nullptr, "user-mode network (default), none, or the host's",
     network,
     [](Invocation& i, const std::string& v,
        const Context&) { i.spec.sandbox.network.kind = parse_network(v); }},
    {"publish", 'p', required, "[IP:]PORT:PORT[/udp]", nullptr,
     "the host's PORT (on 127.0.0.1) leads to PORT inside; or ranges", network,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.network.published.push_back(parse_publish_rule("--publish", v));
     }},
    {"publish-all", 'P', none, nullptr, nullptr,
     "publish the image's ExposedPorts, on ports the kernel chooses", network,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.network.publish_exposed = switch_value("--publish-all", v);
     }},
    {"allow", 0, required, "HOST[:PORT]", nullptr,
     "only such hosts are reached: a name, *.name, address or CIDR", network,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.network.allowed.push_back(parse_allow_rule("--allow", v));
     }},
    {"net-log", 0, required, "FILE", nullptr, "write a line of JSON for each connection to FILE", network,
     [](Invocation& i, const std::string& v, const Context& c) {
         i.spec.sandbox.network.flow_log = file_value("--net-log", v, c);
     }},
    {"pcap", 0, required, "FILE", nullptr, "write what passes the sandbox's interface to FILE", network,
     [](Invocation& i, const std::string& v, const Context& c) {
         i.spec.sandbox.network.capture = file_value("--pcap", v, c);
     }},
    {"host-loopback", 0, none, nullptr, nullptr, "10.0.2.2 inside is the host's own 127.0.0.1", network,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.network.host_loopback = switch_value("--host-loopback", v);
     }},
    {"dns", 0, required, "IP", nullptr, "ask this name server (default: the host's)", network,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.network.nameservers.push_back(parse_nameserver(v));
     }},
    {"dns-search", 0, required, "DOMAIN", nullptr,
     "complete short names with it; \".\" for none (default: host's)", network,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.network.search_domains.push_back(parse_search_domain(v));
     }},
    {"add-host", 0, required, "NAME:IP", nullptr, "a line of /etc/hosts", network,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.network.hosts.push_back(parse_host_entry(v));
     }},
    {"mtu", 0, required, "BYTES", nullptr, "of the sandbox's interface (default 65520)", network,
     [](Invocation& i, const std::string& v, const Context&) { i.spec.sandbox.network.mtu = parse_mtu(v); }},
    {"no-ipv6", 0, none, nullptr, nullptr, "IPv4 only", network,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.network.ipv6 = !switch_value("--no-ipv6", v);
     }},
    {"net-engine", 0, required, "auto|slirp|splice", nullptr,
     "what carries TCP (default: splice where the kernel can)", network,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.network.engine = parse_net_engine(v);
     }},

    {"hostname", 'h', required, "NAME", nullptr, "the sandbox's host name (default sandbox)", isolation,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.hostname = parse_hostname(v);
     }},
    {"userns", 0, required, "auto|keep-id|single", nullptr,
     "which ids there are inside (default: all of your range)", isolation,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.user_namespace = parse_user_namespace(v);
     }},
    {"domain", 0, required, "auto|off", nullptr,
     "keep a user namespace ready for quicker starts (default auto)", isolation,
     [](Invocation& i, const std::string& v, const Context&) {
         if (v != "auto" && v != "off") {
             refuse_value("--domain", v, "it takes one of: auto, off");
         }
         i.spec.sandbox.use_domain = v == "auto";
     }},
    {"share", 0, required, "pid|net|ipc|uts|cgroup|time", nullptr, "keep the host's namespace of that kind",
     isolation,
     [](Invocation& i, const std::string& v,
        const Context&) { i.spec.sandbox.shared.push_back(parse_namespace(v)); }},
    {"time-offset", 0, required, "SECONDS", nullptr, "shift the monotonic and boottime clocks", isolation,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.time_offset = parse_signed(v);
         if (!i.spec.sandbox.time_offset) {
             refuse_value("--time-offset", v, "a whole number of seconds, may be negative");
         }
     }},
    {"nested", 0, none, nullptr, nullptr, "make room for sandboxes inside", isolation,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.nested = switch_value("--nested", v);
     }},

    {"cap-add", 0, required, "CAP|all", nullptr, "give root inside a capability (CAP_ may be left out)",
     isolation,
     [](Invocation& i, const std::string& v,
        const Context&) { i.spec.process.added_capabilities |= parse_capability("--cap-add", v); }},
    {"cap-drop", 0, required, "CAP|all", nullptr, "take one from it", isolation,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.dropped_capabilities |= parse_capability("--cap-drop", v);
     }},
    {"allow-new-privs", 0, none, nullptr, nullptr, "let set-uid programs of the image (su, sudo) work",
     isolation,
     [](Invocation& i, const std::string& v,
        const Context&) { i.spec.process.new_privileges = switch_value("--allow-new-privs", v); }},
    {"seccomp", 0, required, "default|log|unconfined|FILE", nullptr,
     "the system-call filter; FILE is a docker-format JSON profile", isolation,
     [](Invocation& i, const std::string& v, const Context& c) {
         i.spec.process.filter = parse_seccomp(v, c.directory);
     }},
    {"device", 0, required, "PATH[:PATH-INSIDE]", nullptr, "a device of the host that you may use", isolation,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.devices.push_back(parse_device(v));
     }},

    {"memory", 0, required, "SIZE", nullptr, "the most memory it may use, as 512m or 2g", limits,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.limits.memory = parse_memory(v);
     }},
    {"cpus", 0, required, "N", nullptr, "the most processors it may keep busy, as 2 or 0.5", limits,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.limits.cpu_quota = parse_cpus(v);
     }},
    {"pids-limit", 0, required, "N", nullptr, "the most processes and threads it may have", limits,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.limits.processes = parse_pids_limit(v);
     }},
    {"device-read-bps", 0, required, "PATH:RATE", nullptr, "bytes a second it may read from a disk", limits,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.limits.device_rates.push_back(parse_device_rate("--device-read-bps", v));
     }},
    {"device-write-bps", 0, required, "PATH:RATE", nullptr, "bytes a second it may write to a disk", limits,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.limits.device_rates.push_back(parse_device_rate("--device-write-bps", v));
     }},
    {"ulimit", 0, required, "NAME=SOFT[:HARD]", nullptr, "a limit of setrlimit(2), as nofile or core", limits,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.process.resource_limits.push_back(parse_ulimit(v));
     }},

    {"read-only", 0, none, nullptr, nullptr, "the root cannot be written; /tmp, /var/tmp and /run can", root,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.sandbox.read_only = switch_value("--read-only", v);
     }},
    {"storage", 0, required, "overlay|fuse|copy", nullptr, "how writes are kept apart from the image", root,
     [](Invocation& i, const std::string& v, const Context&) { i.spec.sandbox.storage = parse_storage(v); }},
    {"upper", 0, required, "disk|tmpfs", nullptr, "where writes go until the sandbox ends", root,
     [](Invocation& i, const std::string& v, const Context&) { i.spec.sandbox.upper = parse_upper(v); }},
    {"root", 0, required, "DIR", nullptr, "the store (default $SANDBOX_ROOT, then $XDG_DATA_HOME/sandbox)",
     root,
     [](Invocation& i, const std::string& v, const Context& c) { i.root = path_value("--root", v, c); }},
    {"shared-root", 0, required, "DIR", nullptr, "a store that images are taken from too, and never written",
     root,
     [](Invocation& i, const std::string& v,
        const Context& c) { i.shared_root = path_value("--shared-root", v, c); }},
    {"shareable", 0, none, nullptr, nullptr, "import: with --root, into a store that other users may read",
     root,
     [](Invocation& i, const std::string& v,
        const Context&) { i.shareable = switch_value("--shareable", v); }},
    {"name", 0, required, "NAME[:TAG]", nullptr, "import: what the image is called", root,
     [](Invocation& i, const std::string& v, const Context&) { i.image_name = v; }},

    {"config", 0, required, "FILE", nullptr, "read options from FILE: NAME = VALUE lines, # begins a comment",
     general, [](Invocation& i, const std::string& v, const Context&) { i.config_files.push_back(v); }},
    {"dry-run", 0, none, nullptr, nullptr, "print what would be done, and do nothing", general,
     [](Invocation& i, const std::string& v, const Context&) {
         i.spec.dry_run = switch_value("--dry-run", v);
     }},
    {"json", 0, none, nullptr, nullptr, "print it (a plan, a list) as JSON", general,
     [](Invocation& i, const std::string& v, const Context&) { i.spec.json = switch_value("--json", v); }},
    {"log-level", 0, required, "error|warn|debug", nullptr, "what is said on stderr (default warn)", general,
     [](Invocation& i, const std::string& v, const Context&) { i.log_level = log_level_value(v); }},
    {"quiet", 'q', none, nullptr, nullptr, "errors only", general,
     [](Invocation& i, const std::string& v, const Context&) {
         if (switch_value("--quiet", v)) {
             i.log_level = LogLevel::error;
         }
     }},
};

constexpr Command commands[] = {
    {"shell", "[OPTIONS] [IMAGE] [-- SHELL-ARGUMENT...]",
     "a shell in IMAGE; without one, in the host's own root, read-only", CommandKind::start},
    {"run", "[OPTIONS] IMAGE [--] [COMMAND [ARGUMENT...]]",
     "one command in IMAGE (else the image's own); its exit status is ours", CommandKind::start},
    {"build", "[OPTIONS] [--] COMMAND [ARGUMENT...]",
     "one step of a build, hermetic: no network, no home, its outputs whole or not at all",
     CommandKind::build},
    {"import", "[OPTIONS] FILE|DIR|- [NAME[:TAG]]",
     "put an image into the store: a root's tar, a directory, or what docker and skopeo save",
     CommandKind::store},
    {"export", "[OPTIONS] IMAGE", "a tar of IMAGE's files, on stdout or in the file that -o names",
     CommandKind::pack},
    {"images", "[--json]", "list the store", CommandKind::store},
    {"rmi", "NAME...", "remove images from the store", CommandKind::store},
    {"prune", "", "remove what no name refers to, and what killed processes left", CommandKind::store},
    {"doctor", "[--json] [--root DIR]", "what this host allows, what it lacks, and one fix for each",
     CommandKind::doctor},
    {"help", "[COMMAND]", "this text, or a command's", CommandKind::help},
};

} // namespace

std::span<const Option> option_table() {
    return options;
}

const Option* find_option(std::string_view name) {
    for (const Option& option : options) {
        if (name == option.name) {
            return &option;
        }
    }
    return nullptr;
}

const Option* find_option(char letter) {
    for (const Option& option : options) {
        if (letter != 0 && letter == option.letter) {
            return &option;
        }
    }
    return nullptr;
}

std::span<const Command> command_table() {
    return commands;
}

const Command* find_command(std::string_view name) {
    for (const Command& command : commands) {
        if (name == command.name) {
            return &command;
        }
    }
    return nullptr;
}

bool takes_option(const Command& command, const Option& option) {
    const std::string_view name = option.name;
    const std::string_view its = command.name;
    if (name == "name" || name == "shareable") {
        return its == "import";
    }
    if (name == "shared-root") {
        return command.kind == CommandKind::start || command.kind == CommandKind::build || its == "export" ||
               its == "images";
    }
    if (name == "output") {
        return its == "export" || its == "build";
    }
    if (option.group == OptionGroup::build) {
        return its == "build";
    }
    if (command.kind == CommandKind::build) {
        // What would let the host's world in, or is the same in every build.
        static constexpr std::string_view not_of_builds[] = {
            "workspace",   "home",  "tz",       "clear-env",   "user",   "entrypoint",
            "publish-all", "init",  "no-init",  "interactive", "rm",     "read-only",
            "userns",      "share", "hostname", "domain",      "nested", "time-offset"};
        return std::find(std::begin(not_of_builds), std::end(not_of_builds), name) == std::end(not_of_builds);
    }
    if (command.kind == CommandKind::start) {
        return true;
    }
    if (name == "json") {
        return its == "images" || its == "doctor";
    }
    return name == "root" || name == "userns" || name == "domain" || name == "config" ||
           name == "log-level" || name == "quiet";
}

} // namespace sandbox
