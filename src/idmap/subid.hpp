// SPDX-License-Identifier: Apache-2.0
// Who owns which subordinate ids: subuid(5), subgid(5), and getsubids(1) where the host's NSS serves them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "idmap/id_map.hpp"

namespace sandbox {

/// The ranges that `text` (a subuid(5) file) gives to a user, by name or by number, in the file's order.
/// Lines that are not of the form, that wrap past 2^32, or that overlap an earlier one, are passed over.
/// Pure.
std::vector<SubIdRange> parse_subid_file(std::string_view text, std::string_view user_name,
                                         std::uint32_t uid);

/// What `getsubids USER` prints: "0: USER FIRST COUNT" lines. Pure.
std::vector<SubIdRange> parse_getsubids(std::string_view text);

/// A user's ranges on this host.
struct SubIds {
    std::vector<SubIdRange> uid;
    std::vector<SubIdRange> gid;

    [[nodiscard]] bool usable() const noexcept { return !uid.empty() && !gid.empty(); }
};

/// Reads /etc/subuid and /etc/subgid; asks getsubids(1) when they have nothing and nsswitch.conf(5) names
/// another source.
SubIds find_subids(const std::string& user_name, std::uint32_t uid);

} // namespace sandbox
