// SPDX-License-Identifier: Apache-2.0
// What parent and child say to each other between clone and exec, over one SOCK_SEQPACKET pair.
//
//   parent (run/)                               child (child/)
//   clone3 ───────────────────────────────────▶ private mounts, lo, tap
//   ◀─────────────────────────────── fd 't'     the tap, when the plan has one
//   write uid_map, gid_map (unless the child wrote its own)
//   'm' ──────────────────────────────────────▶ root, mounts, hostname, pivot, terminal
//   ◀─────────────────────────────── fd 'f'     /dev/fuse, for the parent to serve (fuse_overlay only)
//   ◀─────────────────────────────── fd 'u'     the workspace's upper directory (on a tmpfs only)
//   ◀─────────────────────────────── fd 'r'     the new root, where it is looked at while the command runs
//   'g' ──────────────────────────────────────▶ it is looked at
//   ◀─────────────────────────────── fd 'p'     the terminal's master (tty only)
//   ◀─────────────────────────────── fd 'l'     the listener of TracePlan::lookups
//   ◀─────────────────────────────── fd 's'     the filter's listener (--seccomp log only)
//   ◀─────────────────────────────── Report     if anything fails, at any point; then the child is gone
//   ◀─────────────────────────────── end of file: exec succeeded
//   The parent's death is end of file for the child, and SIGKILL by PR_SET_PDEATHSIG.
#pragma once

#include <cstdint>
#include <type_traits>

namespace sandbox {

/// Where the child was when something failed.
enum class Stage : std::uint8_t {
    begin,     ///< mount propagation, waiting for the maps
    maps,      ///< writing its own maps, taking its id
    keyring,   ///< a session keyring of its own
    network,   ///< loopback, addresses, routes
    tap,       ///< /dev/net/tun
    root,      ///< overlay or bind
    step,      ///< Plan::steps[Report::step]
    workspace, ///< the overlay of Plan::workspace
    hostname,
    pivot,
    terminal,
    time,
    command, ///< pid 1 makes the command's process
    limits,
    credentials,
    filter,
    directory, ///< the working directory
    execute,
};

/// Fits a packet; sent at most once.
struct Report {
    Stage stage = Stage::begin;
    std::uint8_t phase = 0; ///< of a mount step, a MountPhase
    std::int32_t code = 0;  ///< errno
    std::uint32_t step = 0;
    std::uint8_t header[20] = {}; ///< execute: the file's first bytes when the kernel knew no way to run it
    bool found = false;           ///< execute: a file was there
};
static_assert(std::is_trivially_copyable_v<Report>);

/// Which part of a mount step failed: the messages differ.
enum class MountPhase : std::uint8_t {
    source,  ///< opening the source
    changed, ///< the source is not what the parent saw: it was swapped meanwhile
    target,  ///< opening or making the target
    on_host, ///< the target is missing, and would have to be made on the host
    mount,   ///< the mount itself
};

inline constexpr char tag_maps_written = 'm';
inline constexpr char tag_tap = 't';
inline constexpr char tag_fuse = 'f';
inline constexpr char tag_terminal = 'p';
inline constexpr char tag_listener = 's';
inline constexpr char tag_upper = 'u';
inline constexpr char tag_root = 'r';
inline constexpr char tag_go_on = 'g';
inline constexpr char tag_lookups = 'l';

/// SIGTERM queued to a sandbox's init with this value (sigqueue(3)) means: kill everything and end.
inline constexpr int end_all_value = 0x73626f78;

/// Parent's side: one packet. With a descriptor, `tag` and `fd` are set; with a report, `report`.
enum class Received { descriptor, report, end, failure };
Received receive_packet(int channel, char* tag, int* fd, Report* report) noexcept;

} // namespace sandbox
