// SPDX-License-Identifier: Apache-2.0
// The process inside, where the user's word and the image's config meet: the user's comes first, as in
// docker.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "host/host_facts.hpp"
#include "idmap/mapping.hpp"
#include "image/image.hpp"
#include "rootfs/users.hpp"
#include "spec/environment.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// -u, else yourself where the map keeps your id, else the image's User, else root.
ResolvedUser find_user(const Spec& spec, const Image& image, const Mapping& mapping, const HostFacts& host,
                       const Log& log);

/// argv: a shell; or --entrypoint and the words given; or the image's Entrypoint and the words given, without
/// any its Cmd. --entrypoint "" takes the image's away. Throws UsageError where nothing is left.
std::vector<std::string> find_command(const Spec& spec, const Image& image, const ResolvedUser& user);

std::vector<std::string> find_environment(const Spec& spec, const Image& image, const ResolvedUser& user,
                                          const Environment& caller);

/// The image's WorkingDir, or "/".
std::string image_directory(const Image& image);

/// What ends the command politely: the image's StopSignal, or SIGTERM.
int stop_signal(const Image& image, const Log& log);

} // namespace sandbox
