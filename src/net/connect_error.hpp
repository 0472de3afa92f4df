// SPDX-License-Identifier: Apache-2.0
// A connection that failed outside, told to the inside so that connect(2) fails there with the same errno.
#pragma once

#include <cerrno>
#include <optional>

#include "net/packet.hpp"

namespace sandbox::net {

/// At most one of the two; neither: silence.
struct ConnectAnswer {
    bool reset = false;
    std::optional<Unreachable> unreachable;
};

/// @param code what connect(2) outside failed with
constexpr ConnectAnswer answer_to(int code) noexcept {
    switch (code) {
        case ENETUNREACH:
        case ENETDOWN:
        case EAFNOSUPPORT: // a host without IPv6
            return {false, Unreachable::network};
        case EHOSTUNREACH:
        case EHOSTDOWN:
        case EADDRNOTAVAIL: // no port of the host's is left, or no address
        case EINVAL:        // an address that needs a scope
            return {false, Unreachable::host};
        case EACCES: // a firewall of the host's
        case EPERM:
            return {false, Unreachable::prohibited};
        case ETIMEDOUT:
            return {}; // the inside's own time is over by now, or soon
        default:
            return {true, std::nullopt}; // ECONNREFUSED, ECONNRESET, and no descriptor or memory left
    }
}

} // namespace sandbox::net
