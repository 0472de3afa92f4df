// SPDX-License-Identifier: Apache-2.0
// Parses /proc/self/uid_map and gid_map.
#include "unpack/id_map.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace sandbox::unpack {

namespace {

constexpr std::uint64_t max_id = UINT32_MAX;

/// The three numbers of a line, which the kernel pads with blanks: inside, outside, count.
std::optional<std::array<std::uint64_t, 3>> parse_line(std::string_view line) {
    std::array<std::uint64_t, 3> numbers{};
    std::size_t found = 0;
    for (const std::string_view field : split(line, ' ')) {
        if (field.empty()) {
            continue;
        }
        const auto number = parse_number(field, max_id);
        if (!number || found == numbers.size()) {
            return std::nullopt;
        }
        numbers[found++] = *number;
    }
    return found == numbers.size() ? std::optional{numbers} : std::nullopt;
}

} // namespace

IdMap IdMap::parse(std::string_view text) {
    IdMap map;
    for (const std::string_view line : split(text, '\n')) {
        if (trim(line).empty()) {
            continue;
        }
        const auto numbers = parse_line(line);
        if (!numbers) {
            throw Error("/proc/self/uid_map", "not an id map: " + printable(line));
        }
        map.ranges_.push_back({(*numbers)[0], (*numbers)[2]});
    }
    return map;
}

bool IdMap::contains(std::int64_t id) const noexcept {
    return std::any_of(ranges_.begin(), ranges_.end(), [id](const Range& range) {
        return id >= 0 && static_cast<std::uint64_t>(id) >= range.first &&
               static_cast<std::uint64_t>(id) - range.first < range.count;
    });
}

std::uint64_t IdMap::size() const noexcept {
    std::uint64_t sum = 0;
    for (const Range& range : ranges_) {
        sum += range.count;
    }
    return sum;
}

IdMaps read_id_maps() {
    return {IdMap::parse(read_file(AT_FDCWD, "/proc/self/uid_map")),
            IdMap::parse(read_file(AT_FDCWD, "/proc/self/gid_map"))};
}

} // namespace sandbox::unpack
