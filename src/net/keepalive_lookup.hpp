// SPDX-License-Identifier: Apache-2.0
// Whether a program inside has asked for keep-alive probes on its connection: the kernel inside answers them
// in the peer's place, so what they are for, finding a peer that has died, must be asked for outside as well.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include "base/ip_address.hpp"
#include "base/unique_fd.hpp"

namespace sandbox::net {

/// Asks the kernel about TCP sockets of one network namespace. sock_diag(7).
class KeepaliveLookup {
  public:
    /// @param diagnosis a NETLINK_SOCK_DIAG socket made in the namespace; invalid: nothing is ever found
    explicit KeepaliveLookup(UniqueFd diagnosis) noexcept : diagnosis_(std::move(diagnosis)) {}

    /// How long until the first probe, where there is an established connection between the two that has
    /// SO_KEEPALIVE. Nothing as well where it is busy sending: another timer of its hides that one.
    [[nodiscard]] std::optional<std::chrono::milliseconds> time_to_probe(const Endpoint& local,
                                                                         const Endpoint& remote) const;

  private:
    UniqueFd diagnosis_;
};

} // namespace sandbox::net
