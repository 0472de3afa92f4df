// SPDX-License-Identifier: Apache-2.0
// What the store knows of an image besides its trees: the one small file that a start reads. Written first by
// sandbox-unpack, which reads the JSON of strangers, and kept in the store as it is in memory here.
//
// The file is pairs of texts, each ended by a NUL: "layer\0sha256:HEX 4096\0env\0A=B\0 ... end\0\0". No text
// of an image may hold a NUL itself: none of them could reach execve(2) or a path with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

/// The most bytes that a record has.
constexpr std::size_t max_image_record = std::size_t{2} << 20;

/// The most layers an image may have: overlayfs takes 500 lower ones, and one is ours. fs/overlayfs,
/// OVL_MAX_STACK.
constexpr std::size_t max_image_layers = 499;

struct ImageLayer {
    std::string digest;     ///< "sha256:" and 64 hex digits, of the uncompressed tar: its "diff_id"
    std::uint64_t size = 0; ///< bytes of that tar

    bool operator==(const ImageLayer&) const = default;
};

/// What an image says about its process. OCI image specification, config.md.
struct ImageConfig {
    std::vector<std::string> environment; ///< "NAME=VALUE"
    std::vector<std::string> entrypoint;
    std::vector<std::string> command;
    std::vector<std::string> labels; ///< "NAME=VALUE"
    std::vector<std::string> ports;  ///< "80/tcp"
    std::string working_directory;
    std::string user;        ///< NAME|UID[:GROUP|GID]
    std::string stop_signal; ///< "SIGQUIT", "QUIT" or "3"

    bool operator==(const ImageConfig&) const = default;
};

struct ImageRecord {
    std::string id;                 ///< the config's digest, or of a bare tar its only layer's
    std::vector<ImageLayer> layers; ///< lowest first; none twice
    ImageConfig config;
    std::vector<std::string> names; ///< what the archive itself calls the image
    std::string source;             ///< the file it came from, as the user wrote it
    std::int64_t imported_at = 0;   ///< seconds since the epoch

    bool operator==(const ImageRecord&) const = default;
};

/// "sha256:" and 64 lower-case hexadecimal digits.
bool is_digest(std::string_view text);

/// The 64 digits of a digest: what files of the store are called.
std::string_view hex_of(std::string_view digest);

/// The file's bytes. Texts that hold a NUL are the caller's mistake: Error.
std::string format_image_record(const ImageRecord& record);

/// Strict: nothing for an unknown key, a wrong digest, too many layers or a missing end.
std::optional<ImageRecord> parse_image_record(std::string_view bytes);

} // namespace sandbox
