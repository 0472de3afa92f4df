// SPDX-License-Identifier: Apache-2.0
// The pipes that splice(2) needs between two sockets: few, lent for as long as bytes are in them.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/unique_fd.hpp"

namespace sandbox::net {

/// Both ends non-blocking.
struct SplicePipe {
    UniqueFd read;
    UniqueFd write;
    bool is_large = false;
};

/// A user's pipes may hold 64 MB together; beyond it, every new pipe of hers shrinks to two pages, in all of
/// her programs. pipe(7), /proc/sys/fs/pipe-user-pages-soft. So the pool is bounded well below.
class PipePool {
  public:
    static constexpr std::size_t max_pipes = 256;     ///< of 64 kB: a quarter of what the user may have
    static constexpr std::size_t max_large_pipes = 8; ///< of 1 MB
    static constexpr std::size_t max_idle_pipes = 32;
    static constexpr std::size_t max_idle_large_pipes = 2;

    /// An empty pipe; nothing where as many are lent as may be, or none can be made.
    /// @param large one of 1 MB is worth having; it may be small all the same
    std::optional<SplicePipe> borrow(bool large);

    /// Takes an empty one back.
    void give_back(SplicePipe pipe);
    /// Takes one back that has something in it: it is closed.
    void drop(SplicePipe pipe);

    [[nodiscard]] std::size_t lent() const noexcept { return lent_; }
    [[nodiscard]] std::size_t lent_large() const noexcept { return large_ - idle_large_.size(); }

  private:
    std::vector<SplicePipe> idle_;
    std::vector<SplicePipe> idle_large_;
    std::size_t lent_ = 0;
    std::size_t large_ = 0; ///< lent and idle
};

} // namespace sandbox::net
