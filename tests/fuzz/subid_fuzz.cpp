// SPDX-License-Identifier: Apache-2.0
// subuid(5) files and getsubids(1)'s answers: what is taken fits the kernel's ids and does not overlap.
#include "idmap/subid.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sandbox;
using fuzz::require;

namespace {

void check_ranges(const std::vector<SubIdRange>& ranges) {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        const std::uint64_t end = std::uint64_t{ranges[i].first} + ranges[i].count;
        require(ranges[i].count != 0 && end <= UINT32_MAX, "a range lies within the ids there are");
        for (std::size_t j = 0; j < i; ++j) {
            const std::uint64_t other_end = std::uint64_t{ranges[j].first} + ranges[j].count;
            require(end <= ranges[j].first || other_end <= ranges[i].first, "ranges do not overlap");
        }
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    check_ranges(parse_subid_file(text, "user", 1000));
    check_ranges(parse_getsubids(text));
    return 0;
}
