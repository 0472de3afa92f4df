// SPDX-License-Identifier: Apache-2.0
// Decides which ids a user namespace gets and who writes its maps, and writes them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/log.hpp"
#include "idmap/id_map.hpp"

namespace sandbox {

/// What is wanted of the ids inside.
enum class MapKind {
    root_is_you, ///< 0 is the caller, 1.. are subordinate ids; one id where there are none
    keep_id,     ///< the caller keeps its id, the rest are subordinate ids; one id where there are none
    single_root, ///< 0 is the caller, and nothing else
    single_self, ///< the caller is itself, and nothing else
};

/// How a map gets into /proc/PID/uid_map.
enum class MapWay {
    self,    ///< the child itself: a single id needs no privilege, user_namespaces(7)
    direct,  ///< the parent, which holds CAP_SETUID and CAP_SETGID in its own user namespace
    helpers, ///< newuidmap(1) and newgidmap(1), set-uid or with file capabilities
};

struct Mapping {
    MapKind kind = MapKind::single_root;
    uid_t uid = 0; ///< the caller
    gid_t gid = 0;
    IdMaps maps; ///< outside ids as seen where `sandbox` was started
    MapWay way = MapWay::self;
    IdMaps written;          ///< for `direct`: the same, in the ids of the namespace the process is in now
    bool set_groups = false; ///< whether the processes in it may call setgroups(2)
    bool caller_is_host_root = false; ///< id 0 of the initial user namespace is among the outside ids
    std::string
        key; ///< names the kind and the ids: trees extracted under one key fit every sandbox of that key
};

struct MappingRequest {
    uid_t uid =
        0; ///< the caller's effective ids as they were at the start: joining a domain changes how they read
    gid_t gid = 0;
    MapKind kind = MapKind::root_is_you;
    bool use_domain = true; ///< join, or make, the caller's domain where newuidmap would be needed
    bool dry = false;       ///< decide only: no process is made, no namespace entered
    std::string fallback_run_directory; ///< for the domain's state where XDG_RUNTIME_DIR is unusable
};

/// The set-uid programs that write the maps of plain users: newuidmap(1) and newgidmap(1).
inline constexpr const char* map_helpers[] = {"/usr/bin/newuidmap", "/usr/bin/newgidmap"};

/// Empty where the helper can do its work; otherwise why not.
std::string map_helper_trouble(const char* path);

/// What gives a user who has no subordinate ids some.
inline constexpr const char* sub_id_range_hint =
    "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \"$(id -un)\"";

/// Decides the maps. May move the calling process into the caller's domain (then `way` is direct); the
/// process must be single-threaded. Without a usable range it falls back to a single id and notes that.
Mapping prepare_mapping(const MappingRequest& request, const Log& log);

/// One id of each kind, the caller's, which is `inside_uid` and `inside_gid` in the sandbox: no helper, no
/// domain, and nobody else there.
/// @param uid, gid the caller's effective ids
Mapping single_id_mapping(uid_t uid, gid_t gid, std::uint32_t inside_uid, std::uint32_t inside_gid);

/// The map that trees for sandboxes of `mapping` are made with: where only one id is mapped it is 0, whatever
/// it is in the sandbox, for the maker needs its capabilities. On the disk there is no difference.
Mapping mapping_for_trees(const MappingRequest& request, const Mapping& mapping);

/// A mapping of another kind by the same way and with the same ids, for work on trees that were made with it.
/// @return nothing for a kind with many ids where `mapping` has one, and for ids that no such map has
std::optional<Mapping> mapping_of_kind(const Mapping& mapping, MapKind kind);

/// Writes the maps of `child`, which waits in its new user namespace; nothing to do for MapWay::self.
/// The child must stay unreaped until this returns: the helpers are told its pid by number.
void write_maps(pid_t child, const Mapping& mapping);

} // namespace sandbox
