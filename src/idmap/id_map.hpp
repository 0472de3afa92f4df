// SPDX-License-Identifier: Apache-2.0
// The lines of /proc/PID/uid_map and gid_map as values, and the arithmetic on them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

/// One line of a map: `count` ids from `inside` on are `outside` and following. user_namespaces(7).
struct IdMapLine {
    std::uint32_t inside = 0;
    std::uint32_t outside = 0;
    std::uint32_t count = 0;

    bool operator==(const IdMapLine&) const = default;
};
using IdMap = std::vector<IdMapLine>;

/// A range of subordinate ids of a user: a line of subuid(5) or subgid(5).
struct SubIdRange {
    std::uint32_t first = 0;
    std::uint32_t count = 0;

    bool operator==(const SubIdRange&) const = default;
};

/// Both maps of a user namespace, `outside` counted in the ids of the namespace that `sandbox` was started
/// in.
struct IdMaps {
    IdMap uid;
    IdMap gid;

    /// One id each: what a user may write without help, at the price of setgroups(2).
    [[nodiscard]] bool is_single() const noexcept {
        return uid.size() == 1 && gid.size() == 1 && uid[0].count == 1 && gid[0].count == 1;
    }
};

/// Id 0 inside is `own`; the ranges follow as 1, 2, ... in their order.
IdMap root_is_you(std::uint32_t own, const std::vector<SubIdRange>& ranges);

/// `own` is itself inside; the ranges fill 0 .. own-1 first and go on at own+1.
IdMap keep_id(std::uint32_t own, const std::vector<SubIdRange>& ranges);

/// The same map seen from a namespace whose own map is `parent`: every line is split so that it lies within
/// one line of the parent's map, as the kernel asks (EPERM or EINVAL otherwise).
/// @return nothing where an outside id is not mapped in the parent
std::optional<IdMap> express_in(const IdMap& map, const IdMap& parent);

/// An id of one side as the other side has it; nothing where it is not mapped.
std::optional<std::uint32_t> outside_id(const IdMap& map, std::uint32_t inside);
std::optional<std::uint32_t> inside_id(const IdMap& map, std::uint32_t outside);

/// Whether an inside id has an outside one.
bool maps_inside(const IdMap& map, std::uint32_t id);

/// "0 1000 1\n1 100000 65536\n": what is written to uid_map.
std::string map_text(const IdMap& map);

/// Reads what map_text writes, and what the kernel shows (blank-padded).
/// @return nothing where a line is not three numbers
std::optional<IdMap> parse_map(std::string_view text);

} // namespace sandbox
