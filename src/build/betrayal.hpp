// SPDX-License-Identifier: Apache-2.0
// What a difference between two builds says of the worlds they were made in. Pure. Private to this room.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "build/compare.hpp"

namespace sandbox {

/// Two files around the first byte that differs.
struct ContentDifference {
    std::string first; ///< some bytes of each, from the same offset on
    std::string second;
    std::size_t at = 0;      ///< where they begin to differ in these
    std::string first_whole; ///< the files' beginnings
    std::string second_whole;
};

class Betrayal {
  public:
    Betrayal(const ComparedBuild& first, const ComparedBuild& second);

    /// @return names of variations, "" where nothing is recognised
    [[nodiscard]] std::string of_content(const ContentDifference& difference) const;
    [[nodiscard]] std::string of_name(const std::string& path) const;

  private:
    /// A text of the first world, and what stands for it in the second; an empty one is not there.
    struct Sign {
        const char* variation;
        std::string first;
        std::string second;
    };

    void add_signs_of_time();
    void add_signs_of_modes();
    [[nodiscard]] std::string of_place(const ContentDifference& difference) const;
    [[nodiscard]] std::string of_whole(const ContentDifference& difference) const;
    [[nodiscard]] std::string of_order(const ContentDifference& difference) const;

    const ComparedBuild& first_;
    const ComparedBuild& second_;
    std::vector<Sign> signs_;
};

} // namespace sandbox
