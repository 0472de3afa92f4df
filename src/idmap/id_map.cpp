// SPDX-License-Identifier: Apache-2.0
// Arithmetic on id maps.
#include "idmap/id_map.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace sandbox {

namespace {

/// The ranges without `own`, which has a line of its own: an id mapped twice makes the kernel refuse the map.
std::vector<SubIdRange> without(std::uint32_t own, const std::vector<SubIdRange>& ranges) {
    std::vector<SubIdRange> result;
    for (const SubIdRange& range : ranges) {
        if (own < range.first || own - range.first >= range.count) {
            result.push_back(range);
            continue;
        }
        const std::uint32_t below = own - range.first;
        if (below > 0) {
            result.push_back({range.first, below});
        }
        if (range.count - below > 1) {
            result.push_back({own + 1, range.count - below - 1});
        }
    }
    return result;
}

} // namespace

IdMap root_is_you(std::uint32_t own, const std::vector<SubIdRange>& ranges) {
    IdMap map{{0, own, 1}};
    std::uint32_t next = 1;
    for (const SubIdRange& range : without(own, ranges)) {
        map.push_back({next, range.first, range.count});
        next += range.count;
    }
    return map;
}

IdMap keep_id(std::uint32_t own, const std::vector<SubIdRange>& ranges) {
    IdMap map{{own, own, 1}};
    std::uint32_t next = 0;
    for (SubIdRange range : without(own, ranges)) {
        if (next < own) {
            const std::uint32_t below = std::min(range.count, own - next);
            map.push_back({next, range.first, below});
            next += below;
            range = {range.first + below, range.count - below};
        }
        if (next == own) {
            ++next;
        }
        if (range.count > 0) {
            map.push_back({next, range.first, range.count});
            next += range.count;
        }
    }
    std::sort(map.begin(), map.end(),
              [](const IdMapLine& a, const IdMapLine& b) { return a.inside < b.inside; });
    return map;
}

std::optional<IdMap> express_in(const IdMap& map, const IdMap& parent) {
    IdMap result;
    for (IdMapLine line : map) {
        while (line.count > 0) {
            const auto holder = std::find_if(parent.begin(), parent.end(), [&](const IdMapLine& candidate) {
                return line.outside >= candidate.outside &&
                       line.outside - candidate.outside < candidate.count;
            });
            if (holder == parent.end()) {
                return std::nullopt;
            }
            const std::uint32_t offset = line.outside - holder->outside;
            const std::uint32_t taken = std::min(line.count, holder->count - offset);
            result.push_back({line.inside, holder->inside + offset, taken});
            line = {line.inside + taken, line.outside + taken, line.count - taken};
        }
    }
    return result;
}

std::optional<std::uint32_t> outside_id(const IdMap& map, std::uint32_t inside) {
    for (const IdMapLine& line : map) {
        if (inside >= line.inside && inside - line.inside < line.count) {
            return line.outside + (inside - line.inside);
        }
    }
    return std::nullopt;
}

std::optional<std::uint32_t> inside_id(const IdMap& map, std::uint32_t outside) {
    for (const IdMapLine& line : map) {
        if (outside >= line.outside && outside - line.outside < line.count) {
            return line.inside + (outside - line.outside);
        }
    }
    return std::nullopt;
}

bool maps_inside(const IdMap& map, std::uint32_t id) {
    return std::any_of(map.begin(), map.end(), [&](const IdMapLine& line) {
        return id >= line.inside && id - line.inside < line.count;
    });
}

std::string map_text(const IdMap& map) {
    std::string text;
    for (const IdMapLine& line : map) {
        text += std::to_string(line.inside) + ' ' + std::to_string(line.outside) + ' ' +
                std::to_string(line.count);
        text += '\n';
    }
    return text;
}

std::optional<IdMap> parse_map(std::string_view text) {
    IdMap map;
    for (const std::string_view line : split(text, '\n')) {
        std::vector<std::uint32_t> numbers;
        for (const std::string_view field : split(line, ' ')) {
            if (field.empty()) {
                continue;
            }
            const auto number = parse_number(field, UINT32_MAX);
            if (!number) {
                return std::nullopt;
            }
            numbers.push_back(static_cast<std::uint32_t>(*number));
        }
        if (numbers.empty()) {
            continue;
        }
        if (numbers.size() != 3) {
            return std::nullopt;
        }
        map.push_back({numbers[0], numbers[1], numbers[2]});
    }
    return map;
}

} // namespace sandbox
