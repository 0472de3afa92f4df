// SPDX-License-Identifier: Apache-2.0
// The values of options as users write them, turned into the spec's. Pure; each throws UsageError that names
// the option and what it takes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spec/spec.hpp"

namespace sandbox {

/// SRC:DST[:OPTIONS] with OPTIONS a comma-separated list of ro, rw, and podman's z, Z, U, rbind (which change
/// nothing here). A relative SRC is taken from `directory`; DST must be absolute.
BindMount parse_volume(std::string_view text, const std::string& directory);

/// type=bind|tmpfs, and source|src, target|destination|dst, ro|readonly, tmpfs-size, tmpfs-mode as in podman.
MountOperation parse_mount(std::string_view text, const std::string& directory);

/// DST[:size=SIZE,mode=MODE]
TmpfsMount parse_tmpfs(std::string_view text);

/// NAME=VALUE, or NAME for the caller's value.
EnvironmentChange parse_environment(std::string_view text, std::string_view option);

/// The lines of an --env-file: blank lines and lines that begin with # are passed over, nothing is unquoted.
/// @param path for messages
std::vector<EnvironmentChange> parse_environment_file(std::string_view content, const std::string& path);

Namespace parse_namespace(std::string_view text);
Network parse_network(std::string_view text);
NetEngine parse_net_engine(std::string_view text);
IpAddress parse_nameserver(std::string_view text);
/// "." stands for no domain at all.
std::string parse_search_domain(std::string_view text);
/// NAME:IP, where "host-gateway" is the gateway's address.
HostEntry parse_host_entry(std::string_view text);
/// 1280 is the least that IPv6 asks of a link (RFC 8200, 5); 65520 the most that libslirp takes.
inline constexpr unsigned least_mtu = 1280;
inline constexpr unsigned most_mtu = 65520;
unsigned parse_mtu(std::string_view text);
UserNamespace parse_user_namespace(std::string_view text);
Storage parse_storage(std::string_view text);
UpperPlace parse_upper(std::string_view text);
HomeView parse_home(std::string_view text);

/// A host name: RFC 1123 labels, at most 64 bytes (sethostname(2)).
std::string parse_hostname(std::string_view text);

} // namespace sandbox
