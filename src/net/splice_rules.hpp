// SPDX-License-Identifier: Apache-2.0
// The rules inside the sandbox's network namespace that turn its outgoing TCP over to listeners of ours:
//
//   an application's packet that would leave by the tap
//     a pure SYN without mark ─▶ the tap: sandbox-net looks at it, connects outside, and sends it in again,
//     marked all else of TCP ─mark 1─▶ table 100, "local default dev lo" ─▶ lo ─prerouting, tproxy─▶ its own
//     connection's
//                                                                    socket, or the listener (a SYN)
//
// The kernel's networking/tproxy; nft(8), "TPROXY STATEMENT" and chain type route.
#pragma once

#include <cstdint>

#include "base/ip_address.hpp"
#include "net/nft_batch.hpp"

namespace sandbox::net {

/// On packets that go to the listeners and never to the tap.
inline constexpr std::uint32_t splice_mark = 1;
inline constexpr std::uint32_t splice_table = 100;

/// Where the listeners are: addresses that no traffic has (RFC 7600; the discard prefix of RFC 6666) and that
/// no interface needs to have, since a transparent socket may be bound to any.
Endpoint splice_listener(bool ipv6);

/// The table, its chains and their rules. Pure.
/// @param tap the interface's index
NftBatch splice_rules(bool ipv6, std::uint32_t tap);

/// Puts rules and routes into force for one family, in the network namespace of the caller. Throws
/// SystemError; then nothing that the routes alone would change has changed.
void install_splice_rules(bool ipv6, std::uint32_t tap);

} // namespace sandbox::net
