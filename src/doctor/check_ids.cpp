// SPDX-License-Identifier: Apache-2.0
// The ids that can be mapped in a user namespace.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/passwd.hpp"
#include "base/text.hpp"
#include "doctor/checks.hpp"
#include "doctor/distribution.hpp"
#include "idmap/mapped_process.hpp"
#include "idmap/subid.hpp"

namespace sandbox {

namespace {

constexpr std::uint64_t usual_range = 65536;

std::string user_name() {
    const auto entry = find_host_user(::geteuid());
    return entry ? entry->name : std::to_string(::geteuid());
}

std::uint64_t total(const std::vector<SubIdRange>& ranges) {
    std::uint64_t sum = 0;
    for (const SubIdRange& range : ranges) {
        sum += range.count;
    }
    return sum;
}

/// The first other user of a subuid(5) file whose range shares an id with one of `mine`.
std::string sharer_of(std::string_view file, const std::vector<SubIdRange>& mine, const std::string& me) {
    for (const std::string_view line : split(file, '\n')) {
        const auto fields = split(trim(line), ':');
        if (fields.size() != 3 || fields[0] == me || fields[0] == std::to_string(::geteuid())) {
            continue;
        }
        for (const SubIdRange& theirs : parse_subid_file(line, fields[0], ::geteuid())) {
            for (const SubIdRange& range : mine) {
                if (range.first < theirs.first + theirs.count && theirs.first < range.first + range.count) {
                    return std::string{fields[0]};
                }
            }
        }
    }
    return "";
}

/// Root writes its maps itself: with its range, or in a container with the ids that the container has.
std::optional<Mapping> mapping_without_helper() {
    Mapping mapping = prepare_mapping({::geteuid(), ::getegid(), MapKind::root_is_you, false, true, ""},
                                      Log{LogLevel::error});
    return mapping.way == MapWay::direct ? std::optional{std::move(mapping)} : std::nullopt;
}

std::uint64_t ids_in(const IdMap& map) {
    std::uint64_t sum = 0;
    for (const IdMapLine& line : map) {
        sum += line.count;
    }
    return sum;
}

std::string helper_fix(const char* helper) {
    struct stat status {};
    if (::stat(helper, &status) < 0) {
        return install_command(Package::map_helpers);
    }
    // Owned by somebody who is not mapped here: inside a namespace, where nothing can be done about it.
    return (status.st_mode & S_ISUID) != 0 ? "let the sandbox or container around this one map a whole range"
                                           : std::string{"sudo chmod u+s "} + helper;
}

} // namespace

Finding check_sub_ids() {
    const std::string name = user_name();
    const SubIds ids = find_subids(name, ::geteuid());
    Finding finding{"sub-ids", Finding::State::degraded, "", sub_id_range_hint};
    if (const auto mapping = mapping_without_helper(); mapping && !ids.usable()) {
        const std::uint64_t own = std::min(ids_in(mapping->maps.uid), ids_in(mapping->maps.gid));
        return {finding.name, Finding::State::ok,
                "none needed: the " + std::to_string(own) + " ids of this namespace can be mapped", ""};
    }
    if (!ids.usable()) {
        finding.detail = name + " has no line in " + (ids.uid.empty() ? "/etc/subuid" : "/etc/subgid") +
                         ": one id inside, so other owners are lost and apt and the like may fail";
        return finding;
    }
    const std::uint64_t least = std::min(total(ids.uid), total(ids.gid));
    finding.detail = std::to_string(least) + " ids";
    if (least < usual_range) {
        finding.detail += ", fewer than the usual 65536: higher owners of an image cannot be mapped";
        return finding;
    }
    for (const auto& [path, ranges] :
         {std::pair{"/etc/subuid", &ids.uid}, std::pair{"/etc/subgid", &ids.gid}}) {
        const std::string other = sharer_of(read_file_if_exists(AT_FDCWD, path).value_or(""), *ranges, name);
        if (!other.empty()) {
            finding.detail += ", some of which " + printable(other) + " has too in " + path +
                              ": each can reach the other's files";
            finding.fix = std::string{"give one of the two another range in "} + path;
            return finding;
        }
    }
    return {finding.name, Finding::State::ok, finding.detail, ""};
}

Finding check_map_helpers() {
    Finding finding{"newuidmap", Finding::State::ok, "newuidmap and newgidmap are there, with privilege", ""};
    if (mapping_without_helper()) {
        finding.detail = "not needed: " + user_name() + " writes the maps itself";
        return finding;
    }
    for (const char* helper : map_helpers) {
        const std::string trouble = map_helper_trouble(helper);
        if (!trouble.empty()) {
            return {finding.name, Finding::State::degraded, trouble + ": one id inside", helper_fix(helper)};
        }
    }
    return finding;
}

Finding check_full_map() {
    Finding finding{"id-map", Finding::State::ok, "", ""};
    try {
        // The fallbacks' notes are the other lines' subject.
        const Mapping mapping = prepare_mapping(
            {::geteuid(), ::getegid(), MapKind::root_is_you, false, false, ""}, Log{LogLevel::error});
        const int status = wait_for(run_mapped(mapping, [] { return 0; }));
        if (status != 0) {
            return {finding.name, Finding::State::missing, "a process with the map cannot be started", ""};
        }
        finding.detail = mapping.maps.is_single() ? "one id can be mapped" : "the whole range can be mapped";
        finding.state = mapping.maps.is_single() ? Finding::State::degraded : Finding::State::ok;
    } catch (const Error& error) {
        return {finding.name, Finding::State::missing, error.what(), error.hint()};
    }
    return finding;
}

} // namespace sandbox
