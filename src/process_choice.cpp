// SPDX-License-Identifier: Apache-2.0
// The process inside, where the user's word and the image's config meet.
#include "process_choice.hpp"

#include <signal.h>
#include <sys/types.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "idmap/id_map.hpp"

namespace sandbox {

namespace {

/// The shell of the user's passwd line, else bash, else sh.
std::string find_shell(const Image& image, const ResolvedUser& user) {
    for (const std::string& shell : {user.shell, std::string{"/bin/bash"}, std::string{"/usr/bin/bash"},
                                     std::string{"/bin/sh"}, std::string{"/usr/bin/sh"}}) {
        if (shell.starts_with('/') && image_has(image.layers, shell.substr(1))) {
            return shell;
        }
    }
    throw UsageError(image.name, "no shell in the image: there is no /bin/sh",
                     "sandbox run IMAGE COMMAND runs a program of it");
}

} // namespace

ResolvedUser find_user(const Spec& spec, const Image& image, const Mapping& mapping, const HostFacts& host,
                       const Log& log) {
    const bool keeps_id = mapping.kind == MapKind::keep_id || mapping.kind == MapKind::single_self;
    std::string text = spec.process.user;
    if (text.empty()) {
        text = keeps_id ? std::to_string(host.uid) : image.config.user.empty() ? "0" : image.config.user;
    }
    const auto passwd = read_image_file(image.layers, "etc/passwd");
    const auto group = read_image_file(image.layers, "etc/group");
    const auto resolve = [&] {
        return resolve_user(text, parse_passwd(passwd.value_or("")), parse_group(group.value_or("")));
    };
    ResolvedUser user = resolve();
    if (!spec.process.user.empty()) {
        return user;
    }
    if (keeps_id) {
        user.gid = host.gid;
    } else if (mapping.maps.is_single() && !maps_inside(mapping.maps.uid, user.uid)) {
        log.note("the image's user " + printable(text) +
                 " does not exist where one id is mapped: running as root");
        text = "0";
        user = resolve();
    }
    return user;
}

std::vector<std::string> find_command(const Spec& spec, const Image& image, const ResolvedUser& user) {
    std::vector<std::string> command = spec.process.command;
    const auto& entrypoint = spec.process.entrypoint;
    if (spec.process.is_shell) {
        if (entrypoint.value_or("").empty()) {
            command.insert(command.begin(), find_shell(image, user));
        }
        return command;
    }
    if (entrypoint && !entrypoint->empty()) {
        return command; // it stands in front already, and the image's own command is for its own entrypoint
    }
    if (command.empty()) {
        command = image.config.command;
    }
    if (!entrypoint) {
        command.insert(command.begin(), image.config.entrypoint.begin(), image.config.entrypoint.end());
    }
    if (command.empty()) {
        throw UsageError("run " + printable(image.name), "no command is named, and the image has none",
                         "sandbox run IMAGE COMMAND; sandbox shell IMAGE opens a shell");
    }
    return command;
}

std::vector<std::string> find_environment(const Spec& spec, const Image& image, const ResolvedUser& user,
                                          const Environment& caller) {
    const bool is_host = image.kind == ImageKind::host;
    EnvironmentSources sources;
    sources.inherits_caller = is_host;
    sources.user = user.name;
    sources.home = user.home;
    sources.has_network = spec.sandbox.network.kind != Network::none;
    for (const std::string& entry : image.config.environment) {
        const auto equals = entry.find('=');
        sources.image.push_back({entry.substr(0, equals), entry.substr(equals + 1)});
    }
    ProcessSpec process = spec.process;
    const std::string& zone = spec.sandbox.timezone;
    if (is_host && !zone.empty() && zone != "local") {
        // /etc/localtime of a read-only root cannot be replaced.
        process.environment.insert(process.environment.begin(), EnvironmentChange{"TZ", zone});
    }
    return build_environment(process, sources, caller).strings();
}

std::string image_directory(const Image& image) {
    const std::string& directory = image.config.working_directory;
    return directory.starts_with('/') ? directory : "/" + directory;
}

int stop_signal(const Image& image, const Log& log) {
    const std::string& text = image.config.stop_signal;
    const auto number = signal_number(text);
    if (!text.empty() && !number) {
        log.note("the image's StopSignal " + printable(text) + " is no signal: SIGTERM is used");
    }
    return number.value_or(SIGTERM);
}

} // namespace sandbox
