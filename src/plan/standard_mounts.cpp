// SPDX-License-Identifier: Apache-2.0
// What every root gets, as tables.
#include "plan/standard_mounts.hpp"

#include <sys/mount.h>

#include "base/text.hpp"
#include "spec/validate.hpp"

namespace sandbox {

namespace {

constexpr unsigned tty_group = 5; // in every distribution's /etc/group

/// Devices without state of the host's.
constexpr const char* device_nodes[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                        "/dev/random", "/dev/urandom", "/dev/tty"};

/// What a sandbox inside needs: tap devices and FUSE mounts of its own.
constexpr const char* nested_device_nodes[] = {"/dev/net/tun", "/dev/fuse"};

struct Link {
    const char* target;
    const char* points_to;
};
constexpr Link device_links[] = {{"/dev/ptmx", "pts/ptmx"},
                                 {"/dev/fd", "/proc/self/fd"},
                                 {"/dev/stdin", "/proc/self/fd/0"},
                                 {"/dev/stdout", "/proc/self/fd/1"},
                                 {"/dev/stderr", "/proc/self/fd/2"}};

/// As the common container profile hides them. What only the host's root could read or write anyway is hidden
/// where the host's root is mapped.
struct MaskedPath {
    const char* path;
    bool only_for_root;
};
constexpr MaskedPath masked_paths[] = {{"/proc/keys", false},       {"/proc/kcore", true},
                                       {"/proc/timer_list", true},  {"/proc/latency_stats", true},
                                       {"/proc/sched_debug", true}, {"/proc/acpi", true},
                                       {"/proc/scsi", true},        {"/proc/asound", true},
                                       {"/sys/firmware", true},     {"/sys/devices/virtual/powercap", true}};
constexpr const char* read_only_paths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                           "/proc/sysrq-trigger"};

Step file_system(const char* type, const char* target, std::uint64_t flags, const char* options,
                 std::uint32_t behaviour = step_no_symlinks) {
    Step step;
    step.kind = StepKind::file_system;
    step.source = type;
    step.target = target;
    step.mount_flags = flags;
    step.options = options;
    step.behaviour = behaviour;
    return step;
}

Step bind(const char* path, std::uint32_t behaviour, std::uint64_t attributes) {
    Step step;
    step.kind = StepKind::bind;
    step.source = path;
    step.target = path;
    step.behaviour = behaviour;
    step.mount_flags = attributes;
    return step;
}

Step device(const char* path, std::uint32_t behaviour) {
    Step step = bind(path, behaviour, 0);
    step.kind = StepKind::device;
    return step;
}

Step directory(const char* target, unsigned mode) {
    Step step;
    step.kind = StepKind::directory;
    step.target = target;
    step.mode = mode;
    return step;
}

/// The tmpfs behind /dev.
void add_dev_tmpfs(const IdFacts& ids, TextKeeper& texts, std::vector<Step>& steps) {
    const std::string owner = ids.root_mapped ? ",uid=0,gid=0" : "";
    // The tmpfs has two parts: /dev itself lies in one of its directories, bound over it; what the files of
    // /etc hold lies beside, out of sight.
    steps.push_back(
        file_system("tmpfs", "/dev", MS_NOSUID | MS_NOEXEC, texts.keep("mode=0755,size=1m" + owner)));
    steps.push_back(directory("/dev/dev", 0755));
    steps.push_back(directory("/dev/etc", 0755));
}

/// Binds /dev's part of the tmpfs in place, and fills it.
void add_dev(const SandboxSpec& sandbox, const IdFacts& ids, TextKeeper& texts, std::vector<Step>& steps) {
    Step dev;
    dev.kind = StepKind::bind_inside;
    dev.source = "/dev/dev";
    dev.target = "/dev";
    dev.behaviour = step_no_symlinks;
    steps.push_back(dev);
    for (const char* node : device_nodes) {
        steps.push_back(device(node, 0));
    }
    if (sandbox.nested) {
        steps.push_back(directory("/dev/net", 0755));
        for (const char* node : nested_device_nodes) {
            steps.push_back(device(node, step_optional));
        }
    }
    for (const Link& link : device_links) {
        Step step;
        step.kind = StepKind::symlink;
        step.target = link.target;
        step.source = link.points_to;
        steps.push_back(step);
    }
    steps.push_back(directory("/dev/pts", 0755));
    steps.push_back(
        file_system("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC,
                    texts.keep(std::string{"newinstance,ptmxmode=0666,mode=0620"} +
                               (ids.tty_group_mapped ? ",gid=" + std::to_string(tty_group) : ""))));
    steps.push_back(directory("/dev/shm", 01777));
    steps.push_back(directory("/dev/mqueue", 0755));
    if (shares(sandbox, Namespace::ipc)) {
        steps.push_back(bind("/dev/shm", step_no_symlinks | step_optional, 0));
        steps.push_back(bind("/dev/mqueue", step_no_symlinks | step_optional, 0));
    } else {
        steps.push_back(file_system("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"));
        // A kernel may have no POSIX message queues.
        steps.push_back(file_system("mqueue", "/dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr,
                                    step_no_symlinks | step_optional));
    }
}

/// A fresh instance shows what belongs to the sandbox's own namespace. Without one the kernel forbids it
/// (EPERM), and the host's is bound.
void add_proc_and_sys(const SandboxSpec& sandbox, std::vector<Step>& steps) {
    if (shares(sandbox, Namespace::pid)) {
        steps.push_back(
            bind("/proc", step_no_symlinks | step_recursive, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
    } else {
        steps.push_back(file_system("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr));
    }
    if (shares(sandbox, Namespace::net)) {
        steps.push_back(bind("/sys", step_no_symlinks | step_recursive,
                             MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
    } else {
        steps.push_back(file_system("sysfs", "/sys", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr));
    }
}

/// Kept on the tmpfs behind /dev as `name`, and bound in place.
void add_file(const std::string& name, const PlacedFile& placed, TextKeeper& texts,
              std::vector<Step>& steps) {
    Step file;
    file.kind = StepKind::file;
    file.target = texts.keep("/dev/etc/" + name);
    file.source = texts.keep(placed.content);
    file.mode = 0644;
    steps.push_back(file);
    Step place;
    place.kind = StepKind::bind_inside;
    place.source = file.target;
    place.target = texts.keep(placed.path);
    // A root file system that cannot take the file does without: a directory of the host's, read-only.
    place.behaviour = step_create_file | step_optional;
    steps.push_back(place);
}

void add_etc_files(const EtcFiles& files, TextKeeper& texts, std::vector<Step>& steps) {
    const std::pair<const char*, const std::string*> entries[] = {
        {"hosts", &files.hosts}, {"hostname", &files.hostname}, {"resolv.conf", &files.resolv_conf}};
    for (const auto& [name, content] : entries) {
        if (content == &files.hostname && content->empty()) {
            continue;
        }
        add_file(name, {std::string{"/etc/"} + name, *content}, texts, steps);
    }
    unsigned number = 0;
    for (const PlacedFile& other : files.others) {
        add_file(std::to_string(number++), other, texts, steps);
    }
}

} // namespace

IdFacts id_facts(const Mapping& mapping) {
    IdFacts facts;
    facts.root_mapped = maps_inside(mapping.maps.uid, 0) && maps_inside(mapping.maps.gid, 0);
    facts.tty_group_mapped = maps_inside(mapping.maps.gid, tty_group);
    facts.caller_is_root = mapping.caller_is_host_root;
    return facts;
}

void add_standard_mounts(const SandboxSpec& sandbox, const IdFacts& ids, const EtcFiles& etc,
                         TextKeeper& texts, std::vector<Step>& steps) {
    add_proc_and_sys(sandbox, steps);
    add_dev_tmpfs(ids, texts, steps);
    add_etc_files(etc, texts, steps);
    add_dev(sandbox, ids, texts, steps);
}

void add_masks(const SandboxSpec& sandbox, const IdFacts& ids, std::vector<Step>& steps) {
    // Inside a sandbox with hidden parts of /proc no sandbox can mount a /proc of its own: --nested leaves
    // them open. Not for root's callers: to whom the host's id 0 belongs, they would be doors.
    // Over the host's /proc (--share pid) a plain caller's have nothing to hide that the host does not.
    if ((shares(sandbox, Namespace::pid) || sandbox.nested) && !ids.caller_is_root) {
        return;
    }
    for (const MaskedPath& masked : masked_paths) {
        if (masked.only_for_root && !ids.caller_is_root) {
            continue;
        }
        Step step;
        step.kind = StepKind::mask;
        step.target = masked.path;
        steps.push_back(step);
    }
    if (ids.caller_is_root) {
        for (const char* path : read_only_paths) {
            Step step;
            step.kind = StepKind::bind_inside;
            step.source = path;
            step.target = path;
            step.mount_flags = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
            step.behaviour = step_no_symlinks | step_optional;
            steps.push_back(step);
        }
    }
}

std::string resolv_conf_text(const SandboxSpec& sandbox, const std::string& host_text) {
    const Network network = effective_network(sandbox);
    if (network == Network::host) {
        return host_text;
    }
    if (network == Network::none) {
        return "";
    }
    std::string text;
    const std::vector<std::string>& domains = sandbox.network.search_domains;
    for (const std::string_view line : split(host_text, '\n')) {
        const bool searches = line.starts_with("search ") || line.starts_with("domain ");
        if (line.starts_with("options ") || (searches && domains.empty())) {
            text += std::string{line} + "\n";
        }
    }
    // "search ." asks for names as they are. resolv.conf(5).
    for (const std::string& domain : domains) {
        text += (&domain == &domains.front() ? "search " : " ") + domain;
    }
    return text + (domains.empty() ? "" : "\n") + "nameserver 10.0.2.3\n";
}

std::string hosts_text(const SandboxSpec& sandbox, const std::string& host_text) {
    std::string text =
        host_text.empty() ? "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" : host_text;
    if (!shares(sandbox, Namespace::uts)) {
        text += (text.ends_with('\n') ? "" : "\n");
        text += (effective_network(sandbox) == Network::slirp ? "10.0.2.15 " : "127.0.1.1 ") +
                sandbox.hostname + "\n";
    }
    for (const HostEntry& entry : sandbox.network.hosts) {
        text += to_string(entry.address) + " " + entry.name + "\n";
    }
    return text;
}

} // namespace sandbox
