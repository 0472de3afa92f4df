// SPDX-License-Identifier: Apache-2.0
// The environment of the process inside.
#include "spec/environment.hpp"

#include <algorithm>

namespace sandbox {

namespace {

/// As podman passes them: both spellings.
constexpr const char* proxy_names[] = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy",
                                       "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"};

/// Of the caller's session, and without meaning inside: sockets and directories that are not there.
constexpr const char* host_session_names[] = {
    "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "SSH_AGENT_PID",
    "XAUTHORITY",      "WAYLAND_DISPLAY",          "SANDBOX_ROOT"};

} // namespace

void Environment::set(std::string_view name, std::string_view value) {
    const auto found = std::find_if(variables_.begin(), variables_.end(),
                                    [&](const Variable& variable) { return variable.name == name; });
    if (found != variables_.end()) {
        found->value = value;
    } else {
        variables_.push_back({std::string{name}, std::string{value}});
    }
}

void Environment::set_if_absent(std::string_view name, std::string_view value) {
    if (find(name) == nullptr) {
        set(name, value);
    }
}

void Environment::unset(std::string_view name) {
    std::erase_if(variables_, [&](const Variable& variable) { return variable.name == name; });
}

const std::string* Environment::find(std::string_view name) const {
    const auto found = std::find_if(variables_.begin(), variables_.end(),
                                    [&](const Variable& variable) { return variable.name == name; });
    return found != variables_.end() ? &found->value : nullptr;
}

std::vector<std::string> Environment::strings() const {
    std::vector<std::string> result;
    result.reserve(variables_.size());
    for (const Variable& variable : variables_) {
        result.push_back(variable.name + "=" + variable.value);
    }
    return result;
}

Environment environment_of_caller(const char* const* envp) {
    Environment environment;
    for (; envp != nullptr && *envp != nullptr; ++envp) {
        const std::string_view entry{*envp};
        const auto equals = entry.find('=');
        if (equals != std::string_view::npos && equals != 0) {
            environment.set(entry.substr(0, equals), entry.substr(equals + 1));
        }
    }
    return environment;
}

namespace {

void apply(const EnvironmentChange& change, const Environment& caller, Environment& environment) {
    if (change.value) {
        environment.set(change.name, *change.value);
    } else if (const std::string* value = caller.find(change.name)) {
        environment.set(change.name, *value);
    } else {
        environment.unset(change.name);
    }
}

} // namespace

void apply_user_changes(const ProcessSpec& process, bool has_network, const Environment& caller,
                        Environment& environment) {
    if (process.pass_proxies && has_network && !process.clear_environment) {
        for (const char* name : proxy_names) {
            if (const std::string* value = caller.find(name)) {
                environment.set(name, *value);
            }
        }
    }
    for (const EnvironmentChange& change : process.environment) {
        apply(change, caller, environment);
    }
}

Environment build_environment(const ProcessSpec& process, const EnvironmentSources& sources,
                              const Environment& caller) {
    Environment result;
    if (!process.clear_environment) {
        if (sources.inherits_caller) {
            result = caller;
            for (const char* name : host_session_names) {
                result.unset(name);
            }
            for (const char* name : proxy_names) {
                result.unset(name); // given back below, where they are wanted
            }
        }
        for (const EnvironmentChange& change : sources.image) {
            apply(change, caller, result);
        }
        const std::string* term = caller.find("TERM");
        result.set_if_absent("TERM", term != nullptr ? *term : "xterm");
        result.set_if_absent("LANG", "C.UTF-8");
        result.set_if_absent("HOME", sources.home);
        result.set_if_absent("USER", sources.user);
        result.set_if_absent("PATH", default_path);
    }
    apply_user_changes(process, sources.has_network, caller, result);
    return result;
}

} // namespace sandbox
