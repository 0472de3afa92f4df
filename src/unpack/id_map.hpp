// SPDX-License-Identifier: Apache-2.0
// Which user and group ids exist in the user namespace that the unpacker runs in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox::unpack {

/// One kind of ids (users or groups) that are mapped, by their numbers inside. user_namespaces(7).
class IdMap {
  public:
    /// @param text the content of /proc/self/uid_map or gid_map. Throws Error where it is not of that form.
    static IdMap parse(std::string_view text);

    [[nodiscard]] bool contains(std::int64_t id) const noexcept;

    /// How many ids are mapped.
    [[nodiscard]] std::uint64_t size() const noexcept;

  private:
    struct Range {
        std::uint64_t first = 0;
        std::uint64_t count = 0;
    };
    std::vector<Range> ranges_;
};

struct IdMaps {
    IdMap users;
    IdMap groups;
    bool for_everyone = false; ///< the tree is for other users of the host too: one id, and open_mode()

    /// Only one id exists, so owners cannot be kept.
    [[nodiscard]] bool single() const noexcept { return users.size() <= 1 || groups.size() <= 1; }
};

/// The maps of the calling process. Needs /proc, so it is called before the root changes.
IdMaps read_id_maps();

} // namespace sandbox::unpack
