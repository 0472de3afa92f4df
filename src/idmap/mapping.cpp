// SPDX-License-Identifier: Apache-2.0
// Which ids, and by which way.
#include "idmap/mapping.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/passwd.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "idmap/domain.hpp"
#include "idmap/subid.hpp"
#include "linux/capabilities.hpp"

namespace sandbox {

namespace {

std::string user_name_of(uid_t uid) {
    const auto entry = find_host_user(uid);
    return entry ? entry->name : std::to_string(uid);
}

/// Whether this process may write any map itself: it holds both capabilities where it is. capabilities(7).
bool holds_map_capabilities() {
    const CapabilityMask needed = capability_bit(CAP_SETUID) | capability_bit(CAP_SETGID);
    return (permitted_capabilities() & needed) == needed;
}

bool in_initial_user_namespace() {
    return read_file(AT_FDCWD, "/proc/self/uid_map").find("4294967295") != std::string::npos;
}

/// Every id this process itself has, mapped to the same number: for root inside another sandbox.
IdMaps identity_of_own_maps() {
    const auto identity = [](const char* path) {
        IdMap map = parse_map(read_file(AT_FDCWD, path)).value_or(IdMap{});
        for (IdMapLine& line : map) {
            line.outside = line.inside;
        }
        return map;
    };
    return {identity("/proc/self/uid_map"), identity("/proc/self/gid_map")};
}

bool is_single_kind(MapKind kind) {
    return kind == MapKind::single_root || kind == MapKind::single_self;
}

bool keeps_id(MapKind kind) {
    return kind == MapKind::keep_id || kind == MapKind::single_self;
}

IdMaps maps_for(const MappingRequest& request, MapKind kind, const SubIds& ranges) {
    const auto make = keeps_id(kind) ? keep_id : root_is_you;
    const SubIds used = is_single_kind(kind) ? SubIds{} : ranges;
    return {make(request.uid, used.uid), make(request.gid, used.gid)};
}

/// FNV-1a: names a directory, protects nothing.
std::string short_hash(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    std::string digits;
    for (int shift = 60; shift >= 0; shift -= 4) {
        digits += "0123456789abcdef"[(hash >> shift) & 15];
    }
    return digits;
}

std::string key_of(const IdMaps& maps, MapKind kind) {
    const char* const names[] = {"root", "keep", "single", "self"};
    return std::string{names[static_cast<int>(kind)]} + "-" +
           short_hash(map_text(maps.uid) + "," + map_text(maps.gid));
}

Mapping self_written_mapping(uid_t uid, gid_t gid, MapKind kind, IdMaps maps) {
    Mapping mapping;
    mapping.uid = uid;
    mapping.gid = gid;
    mapping.kind = kind;
    mapping.maps = std::move(maps);
    mapping.way = MapWay::self;
    mapping.key = key_of(mapping.maps, mapping.kind);
    return mapping;
}

Mapping single_mapping(const MappingRequest& request) {
    const MapKind kind = keeps_id(request.kind) ? MapKind::single_self : MapKind::single_root;
    return self_written_mapping(request.uid, request.gid, kind, maps_for(request, kind, {}));
}

/// What a single id costs, and how to get more.
void note_single(const std::string& trouble, const std::string& hint, const Log& log) {
    log.note(trouble +
             ": one id is mapped, so other owners are lost, and apt and the like may fail\nhint: " + hint);
}

/// Root, on a host or inside another sandbox: no helper is needed.
Mapping privileged_mapping(const MappingRequest& request, const Log& log) {
    const std::string user_name = user_name_of(request.uid);
    const SubIds ranges = find_subids(user_name, request.uid);
    Mapping mapping;
    mapping.kind = request.kind;
    mapping.way = MapWay::direct;
    // What a namespace was denied its children are denied too. user_namespaces(7).
    mapping.set_groups = trim(read_file(AT_FDCWD, "/proc/self/setgroups")) != "deny";
    if (ranges.usable()) {
        mapping.maps = maps_for(request, request.kind, ranges);
    } else if (!in_initial_user_namespace() && request.uid == 0) {
        mapping.maps = identity_of_own_maps();
    } else {
        note_single(user_name + " has no line in /etc/subuid and /etc/subgid", sub_id_range_hint, log);
        return single_mapping(request);
    }
    mapping.written = mapping.maps;
    mapping.key = key_of(mapping.maps, mapping.kind);
    return mapping;
}

std::string mapping_trouble(const SubIds& ranges, const std::string& user_name, std::string& hint) {
    if (!ranges.usable()) {
        hint = sub_id_range_hint;
        return user_name + " has no line in " + (ranges.uid.empty() ? "/etc/subuid" : "/etc/subgid");
    }
    for (const char* helper : map_helpers) {
        std::string trouble = map_helper_trouble(helper);
        if (!trouble.empty()) {
            hint = "install the package uidmap (Debian) or shadow-utils (Fedora) again";
            return trouble;
        }
    }
    return {};
}

void run_helpers(pid_t child, const IdMaps& maps) {
    struct Helper {
        const char* path;
        const IdMap& map;
        Pipe messages;
        ChildProcess process;
    };
    Helper helpers[] = {{map_helpers[0], maps.uid, make_pipe(), {}},
                        {map_helpers[1], maps.gid, make_pipe(), {}}};
    // Side by side: each costs more than a millisecond just to start.
    for (Helper& helper : helpers) {
        SpawnRequest request;
        request.path = helper.path;
        request.arguments = {helper.path, std::to_string(child)};
        for (const IdMapLine& line : helper.map) {
            for (const std::uint32_t number : {line.inside, line.outside, line.count}) {
                request.arguments.push_back(std::to_string(number));
            }
        }
        request.fds = {{helper.messages.write.get(), 2}};
        helper.process = spawn(request);
        helper.messages.write.reset();
    }
    std::string complaint;
    for (Helper& helper : helpers) {
        const std::string said = read_all(helper.messages.read.get(), helper.path);
        if (wait_for(helper.process) != 0 && complaint.empty()) {
            complaint = said.empty() ? std::string{helper.path} + " failed" : std::string{trim(said)};
        }
    }
    if (!complaint.empty()) {
        throw Error("user namespace", printable(complaint),
                    "compare /etc/subuid and /etc/subgid with what is asked for, or use --userns single");
    }
}

void write_map_file(pid_t child, const char* name, const std::string& text) {
    const std::string path = "/proc/" + std::to_string(child) + "/" + name;
    const UniqueFd file{check(::open(path.c_str(), O_WRONLY | O_CLOEXEC), "open", path)};
    // One write: the kernel takes a map whole or not at all.
    check(::write(file.get(), text.data(), text.size()), "write the id map", path);
}

} // namespace

namespace {

Mapping choose_mapping(const MappingRequest& request, const Log& log) {
    if (is_single_kind(request.kind)) {
        return single_mapping(request);
    }
    if (holds_map_capabilities()) {
        return privileged_mapping(request, log);
    }
    Domain domain{request.uid, request.gid, request.fallback_run_directory};
    Mapping mapping;
    mapping.kind = request.kind;
    mapping.set_groups = true;
    // The warm path: a domain that is there vouches for its ranges, and nothing of /etc need be read.
    if (request.use_domain && !request.dry) {
        if (const auto ranges = domain.join_if_exists()) {
            mapping.maps = maps_for(request, request.kind, *ranges);
        }
    }
    if (mapping.maps.uid.empty()) {
        const std::string user_name = user_name_of(request.uid);
        const SubIds ranges = find_subids(user_name, request.uid);
        std::string hint;
        const std::string trouble = mapping_trouble(ranges, user_name, hint);
        if (!trouble.empty()) {
            note_single(trouble, hint, log);
            return single_mapping(request);
        }
        mapping.maps = maps_for(request, request.kind, ranges);
        if (request.use_domain && !request.dry) {
            try {
                domain.make_and_join(ranges, log);
            } catch (const SystemError& error) {
                log.debug(std::string{"domain: not used: "} + error.what());
            }
        }
    }
    mapping.key = key_of(mapping.maps, mapping.kind);
    mapping.way = MapWay::helpers;
    if (domain.joined()) {
        const auto uid = express_in(mapping.maps.uid, domain.maps().uid);
        const auto gid = express_in(mapping.maps.gid, domain.maps().gid);
        if (!uid || !gid) {
            throw Error("domain", "its id map does not hold the wanted ids", "try again with --domain off");
        }
        mapping.way = MapWay::direct;
        mapping.written = {*uid, *gid};
    }
    return mapping;
}

} // namespace

std::string map_helper_trouble(const char* path) {
    struct stat status {};
    if (::stat(path, &status) < 0) {
        return std::string{path} + " is not installed";
    }
    const bool set_uid = status.st_uid == 0 && (status.st_mode & S_ISUID) != 0;
    char capability[64];
    if (!set_uid && ::getxattr(path, "security.capability", capability, sizeof capability) <= 0) {
        return std::string{path} + " is neither set-uid root nor has file capabilities";
    }
    return {};
}

Mapping prepare_mapping(const MappingRequest& request, const Log& log) {
    const bool host_root = request.uid == 0 && in_initial_user_namespace();
    Mapping mapping = choose_mapping(request, log);
    mapping.uid = request.uid;
    mapping.gid = request.gid;
    mapping.caller_is_host_root = host_root;
    return mapping;
}

Mapping single_id_mapping(uid_t uid, gid_t gid, std::uint32_t inside_uid, std::uint32_t inside_gid) {
    const IdMaps maps{{{inside_uid, uid, 1}}, {{inside_gid, gid, 1}}};
    Mapping mapping = self_written_mapping(uid, gid, MapKind::single_self, maps);
    mapping.caller_is_host_root = uid == 0 && in_initial_user_namespace();
    return mapping;
}

Mapping mapping_for_trees(const MappingRequest& request, const Mapping& mapping) {
    if (mapping.kind != MapKind::single_self) {
        return mapping;
    }
    MappingRequest as_root = request;
    as_root.kind = MapKind::single_root;
    return single_mapping(as_root);
}

namespace {

/// The ranges that a map of many ids was made of. Lines that keep_id() split are joined again.
std::vector<SubIdRange> ranges_of(IdMap map, std::uint32_t own) {
    std::sort(map.begin(), map.end(),
              [](const IdMapLine& a, const IdMapLine& b) { return a.inside < b.inside; });
    std::vector<SubIdRange> ranges;
    for (const IdMapLine& line : map) {
        if (line.outside == own) {
            continue;
        }
        if (!ranges.empty() && ranges.back().first + ranges.back().count == line.outside) {
            ranges.back().count += line.count;
        } else {
            ranges.push_back({line.outside, line.count});
        }
    }
    return ranges;
}

/// What the namespace that the process is in calls the outside ids: a map to express others in.
IdMap view_of(const IdMap& map, const IdMap& written) {
    IdMap view;
    for (const IdMapLine& line : written) {
        view.push_back({line.outside, outside_id(map, line.inside).value_or(line.outside), line.count});
    }
    return view;
}

} // namespace

std::optional<Mapping> mapping_of_kind(const Mapping& mapping, MapKind kind) {
    const MappingRequest request{mapping.uid, mapping.gid, kind, false, true, {}};
    if (is_single_kind(kind)) {
        return single_mapping(request);
    }
    const SubIds ranges{ranges_of(mapping.maps.uid, mapping.uid), ranges_of(mapping.maps.gid, mapping.gid)};
    if (mapping.maps.is_single() ||
        map_text(maps_for(request, mapping.kind, ranges).uid) != map_text(mapping.maps.uid)) {
        return std::nullopt;
    }
    Mapping other = mapping;
    other.kind = kind;
    other.maps = maps_for(request, kind, ranges);
    other.key = key_of(other.maps, kind);
    if (mapping.way == MapWay::direct) {
        const auto uid = express_in(other.maps.uid, view_of(mapping.maps.uid, mapping.written.uid));
        const auto gid = express_in(other.maps.gid, view_of(mapping.maps.gid, mapping.written.gid));
        if (!uid || !gid) {
            return std::nullopt;
        }
        other.written = {*uid, *gid};
    }
    return other;
}

void write_maps(pid_t child, const Mapping& mapping) {
    switch (mapping.way) {
        case MapWay::self:
            return;
        case MapWay::direct:
            write_map_file(child, "uid_map", map_text(mapping.written.uid));
            write_map_file(child, "gid_map", map_text(mapping.written.gid));
            return;
        case MapWay::helpers:
            run_helpers(child, mapping.maps);
            return;
    }
}

} // namespace sandbox
