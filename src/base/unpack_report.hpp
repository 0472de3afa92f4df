// SPDX-License-Identifier: Apache-2.0
// The lines by which sandbox-unpack tells its parent how it fares: both halves, pure text.
//
//   parent (sandbox)                          sandbox-unpack
//     | spawn: fd 0 archive, fd 3 report pipe     |
//     |------------------------------------------>| confines itself
//     |            progress\t4194304\n            |
//     |<------------------------------------------| at most every 100 ms or so, or never
//     |            progress\t8388608\n            |
//     |<------------------------------------------|
//     |   done\tsha256:HEX\tN\tN\tN\n             |
//     |   or error\tOBJECT\tREASON\tHINT\n        |
//     |<------------------------------------------| exactly one of the two, the last line
//     |            end of file                    | exit status 0 after "done", 1 after "error"
//
// An end of file without "done" or "error" means that the process died: the parent reports a crash. What
// arrives may come from a process that an archive took over, so parse() is strict, and the parent bounds a
// line by max_report_line and passes texts through printable() before a terminal sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace sandbox {

/// The most bytes a line has, its newline included; a longer one is no report.
constexpr std::size_t max_report_line = 16384;

/// Where a single-id map keeps a file's or directory's true owner: "UID:GID:MODE", the mode's permission and
/// set-id bits in octal. Not on symbolic links and FIFOs, which have no user.* attributes. xattr(7).
inline constexpr const char* owner_attribute = "user.sandbox.owner";

/// How far the archive has been read, in bytes of the file as it lies there (compressed, if it is).
struct UnpackProgress {
    std::uint64_t archive_bytes = 0;
};

/// The tree is complete.
struct UnpackDone {
    std::string digest;        ///< the image's id: "sha256:" and 64 lower-case hex digits
    std::uint64_t entries = 0; ///< entries read, skipped ones included
    std::uint64_t devices = 0; ///< device nodes that were skipped
    std::uint64_t unpacked_bytes =
        0; ///< the length of the uncompressed tar stream, of an image's files as read
};

/// Nothing that is in the directory may be used.
struct UnpackFailure {
    std::string object; ///< the archive's entry at fault; empty for the archive as a whole
    std::string reason; ///< as Error::reason()
    std::string hint;   ///< as Error::hint(); may be empty
};

using UnpackReport = std::variant<UnpackProgress, UnpackDone, UnpackFailure>;

/// One line, its newline included. In texts a tab, a newline and a backslash become \t, \n and \\; texts too
/// long for a line are cut.
std::string format_unpack_report(const UnpackReport& report);

/// The report in a line (without its newline), or nothing where it is not of the form above.
std::optional<UnpackReport> parse_unpack_report(std::string_view line);

} // namespace sandbox
