// SPDX-License-Identifier: Apache-2.0
// The environment of the process inside, built from its sources in a fixed order. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spec/spec.hpp"

namespace sandbox {

/// PATH where nothing else says one.
inline constexpr std::string_view default_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Environment variables in the order they were first set.
class Environment {
  public:
    void set(std::string_view name, std::string_view value);
    void set_if_absent(std::string_view name, std::string_view value);
    void unset(std::string_view name);
    /// nullptr where it is not set. Valid until the next change.
    [[nodiscard]] const std::string* find(std::string_view name) const;
    /// "NAME=VALUE" strings for execve(2).
    [[nodiscard]] std::vector<std::string> strings() const;

  private:
    struct Variable {
        std::string name;
        std::string value;
    };
    std::vector<Variable> variables_;
};

/// The caller's own, as given to main; entries without '=' or without a name are left out.
Environment environment_of_caller(const char* const* envp);

/// What goes in before the user's changes.
struct EnvironmentSources {
    bool inherits_caller = false;         ///< `host` sandboxes: the caller's own
    std::vector<EnvironmentChange> image; ///< the image's Env
    std::string user;                     ///< USER
    std::string home;                     ///< HOME
    bool has_network = true;              ///< whether proxies make sense
};

/// The user's changes, and before them the caller's proxies where they are wanted.
void apply_user_changes(const ProcessSpec& process, bool has_network, const Environment& caller,
                        Environment& environment);

/// Order: caller's (host) or image's, then TERM, LANG, HOME, USER, PATH where unset, then proxies, then the
/// user's changes. `clear_environment` starts from nothing but the user's changes.
Environment build_environment(const ProcessSpec& process, const EnvironmentSources& sources,
                              const Environment& caller);

} // namespace sandbox
