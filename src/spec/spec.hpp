// SPDX-License-Identifier: Apache-2.0
// What the user asked for, in two parts: the sandbox, and the process in it. Values only; any front end that
// can fill these gets the whole engine.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ip_address.hpp"
#include "base/network_rules.hpp"

namespace sandbox {

enum class UserNamespace { automatic, keep_id, single };
enum class Network { slirp, none, host };
/// What carries TCP: kernel-spliced sockets, libslirp, or the first where the kernel can.
enum class NetEngine { automatic, slirp, splice };
enum class Storage { automatic, overlay, fuse, copy };
enum class UpperPlace { automatic, disk, tmpfs };
enum class HomeView { hide, read_only, read_write };
enum class TtyUse { automatic, yes, no };

/// Kinds of namespaces that --share may keep the host's of.
enum class Namespace { pid, net, ipc, uts, cgroup, time };
inline constexpr std::array<std::pair<const char*, Namespace>, 6> namespace_names{
    {{"pid", Namespace::pid},
     {"net", Namespace::net},
     {"ipc", Namespace::ipc},
     {"uts", Namespace::uts},
     {"cgroup", Namespace::cgroup},
     {"time", Namespace::time}}};

/// A bind mount. `source` is a path of the host, absolute; `target` is an absolute path inside.
struct BindMount {
    std::string source;
    std::string target;
    bool read_only = false;
    std::string option; ///< for messages: the option that asked for it
};

/// A tmpfs of the sandbox's own.
struct TmpfsMount {
    std::string target;
    std::uint64_t size = 0; ///< bytes; 0 is the kernel's default, half of the memory
    unsigned mode = 01777;  ///< permission bits of its root
};

/// A device of the host's. Both paths are absolute.
struct DeviceMount {
    std::string source;
    std::string target;
    std::string option; ///< for messages
};

/// A part of a directory that is not shown, or a directory that has such parts.
struct HiddenEntry {
    std::string path; ///< relative to the overlay's source, parents first
    bool directory = false;
    unsigned mode = 0; ///< directory: its permission bits
};

/// A directory of the host's through an overlay: it can be written inside, and is not written outside. One a
/// sandbox at most.
struct OverlayMount {
    std::string source; ///< a path of the host, absolute
    std::string target;
    std::vector<HiddenEntry> hidden;
    std::string option; ///< for messages
};

/// Mounts are made in the user's order: a later one may lie within an earlier one.
using MountOperation = std::variant<BindMount, TmpfsMount, OverlayMount>;

/// --device-read-bps, --device-write-bps: how fast a block device may be read or written.
struct DeviceRate {
    std::string device; ///< absolute path on the host
    std::uint64_t bytes_per_second = 0;
    bool write = false;
    std::string option; ///< for messages
};

/// What a cgroup of the sandbox's own holds it to; nothing is no limit.
struct CgroupLimits {
    std::optional<std::uint64_t> memory;    ///< bytes
    std::optional<std::uint64_t> cpu_quota; ///< microseconds in each 100,000
    std::optional<std::uint64_t> processes;
    std::vector<DeviceRate> device_rates;

    [[nodiscard]] bool any() const { return memory || cpu_quota || processes || !device_rates.empty(); }
};

/// --add-host: a line of /etc/hosts.
struct HostEntry {
    std::string name;
    IpAddress address;
};

/// The user-mode network and what may pass through it.
struct NetworkSpec {
    Network kind = Network::slirp;
    NetEngine engine = NetEngine::automatic;
    std::vector<PublishRule> published;
    bool publish_exposed = false;            ///< --publish-all: the ports that the image names as well
    std::vector<AllowRule> allowed;          ///< empty: everything that is not the host's own
    std::string flow_log;                    ///< --net-log: a path of the host; empty: none
    std::string capture;                     ///< --pcap: likewise
    bool host_loopback = false;              ///< the gateway's address is the host's 127.0.0.1
    std::vector<IpAddress> nameservers;      ///< empty: the host's
    std::vector<std::string> search_domains; ///< empty: the host's
    std::vector<HostEntry> hosts;
    unsigned mtu = 65520; ///< bytes
    bool ipv6 = true;
};

/// The sandbox: namespaces, root, mounts, network.
struct SandboxSpec {
    std::string image; ///< "host", or a path; empty is the command's default
    UserNamespace user_namespace = UserNamespace::automatic;
    bool use_domain = true;
    NetworkSpec network;
    std::vector<Namespace> shared; ///< the host's of these kinds are kept
    std::vector<MountOperation> mounts;
    bool read_only = false;
    HomeView home = HomeView::hide;
    std::string hostname = "sandbox";
    std::string timezone; ///< empty: the image's own; "local", or a zone's name
    Storage storage = Storage::automatic;
    UpperPlace upper = UpperPlace::automatic;
    std::optional<std::int64_t> time_offset; ///< seconds added to the monotonic and boottime clocks
    bool nested = false;
    std::vector<DeviceMount> devices;
    CgroupLimits limits;
};

enum class FilterKind {
    standard, ///< the table of seccomp/default.txt
    report,   ///< nothing is denied, but what that table would deny is told
    none,
    profile, ///< a docker-format JSON file
};

struct SystemCallFilter {
    FilterKind kind = FilterKind::standard;
    std::string path; ///< profile: absolute
};

/// One of setrlimit(2)'s.
struct ResourceLimit {
    int resource = 0; ///< RLIMIT_*
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
    std::string option; ///< for messages
};

/// One step of building an environment, in the user's order.
struct EnvironmentChange {
    std::string name;
    std::optional<std::string> value; ///< nothing: the caller's value, or unset where the caller has none
};

/// The process in it.
struct ProcessSpec {
    std::vector<std::string> command; ///< empty: the image's own, or a shell
    std::optional<std::string> entrypoint;
    bool is_shell = false; ///< interactive: the user's shell inside, as a login would
    std::vector<EnvironmentChange> environment;
    bool clear_environment = false;
    bool pass_proxies = true;      ///< http_proxy and its kin, with a network
    std::string working_directory; ///< empty: the image's own, or /
    std::string user;              ///< NAME|UID[:GROUP|GID]; empty: the image's own
    unsigned preserved_fds = 0;    ///< descriptors 3 .. 3+N-1 are passed on
    bool init = true;
    TtyUse tty = TtyUse::automatic;
    std::uint64_t added_capabilities = 0; ///< to the default, one bit each
    std::uint64_t dropped_capabilities = 0;
    bool new_privileges = false; ///< set-uid programs have their effect
    SystemCallFilter filter;
    std::vector<ResourceLimit> resource_limits;
    std::optional<std::chrono::nanoseconds> timeout;
    std::chrono::nanoseconds kill_after = std::chrono::seconds{10};
};

struct Spec {
    SandboxSpec sandbox;
    ProcessSpec process;
    bool dry_run = false;
    bool json = false;
};

} // namespace sandbox
