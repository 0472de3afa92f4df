// SPDX-License-Identifier: Apache-2.0
// What the supervisor and sandbox-net say to each other, over a socket pair of SOCK_SEQPACKET: a message a
// packet, a word and what follows it after a tab.
//
//   supervisor                                       sandbox-net
//       |  <-- "ready"                                    |  confined, frames are served
//       |  <-- "error TAB REASON [TAB HINT]"              |  it cannot start, and ends
//       |  <-- "note TAB TEXT [TAB HINT]"                 |  at any time: for the user's eyes
//       |  <-- "debug TAB TEXT"                           |  likewise, with --log-level debug
//       |  --> "resolv.conf TAB CONTENT"                  |  the host's file, whenever it changes
//       |  --> "end"                                      |  the command has ended: connections get a second
//       |  <-- "summary TAB TEXT"                         |  what was denied, where something was
//       |  end of file                                    |  logs are written, the process ends
//
// Either side's end of file means that the other is gone.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace sandbox {

inline constexpr std::string_view control_ready = "ready";
inline constexpr std::string_view control_error = "error";
inline constexpr std::string_view control_note = "note";
inline constexpr std::string_view control_debug = "debug";
inline constexpr std::string_view control_resolv_conf = "resolv.conf";
inline constexpr std::string_view control_end = "end";
inline constexpr std::string_view control_summary = "summary";

/// How long connections may go on after `control_end` as long as bytes move; one that stands still has a
/// second.
inline constexpr std::chrono::seconds longest_farewell{30};

/// The longest message in bytes; a longer resolv.conf is cut at a line's end.
inline constexpr std::size_t most_control_bytes = 16384;

/// A message taken apart.
struct ControlMessage {
    std::string word;
    std::string text; ///< what follows the tab; may hold further ones
};

/// Receives one without waiting.
/// @return 1 for a message, 0 at the other side's end, -1 where none waits
int receive_control(int socket, ControlMessage& message);

/// Sends one without waiting. A reader that is gone or full loses it.
void send_control(int socket, std::string_view word, std::string_view text = {}) noexcept;

} // namespace sandbox
