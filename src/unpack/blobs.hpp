// SPDX-License-Identifier: Apache-2.0
// The files of an image's archive by name, wherever they lie: in a plain tar that can be sought, or in a
// directory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/unique_fd.hpp"
#include "unpack/blob_source.hpp"

namespace sandbox::unpack {

/// A file of the archive, open.
struct Blob {
    UniqueFd file;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

class Blobs {
  public:
    Blobs() = default;
    Blobs(const Blobs&) = delete;
    Blobs& operator=(const Blobs&) = delete;
    virtual ~Blobs() = default;

    /// The regular file of this name, or nothing. Names are relative and may be hostile. Throws SystemError.
    virtual std::optional<Blob> open_if_exists(const std::string& name) = 0;

    /// open_if_exists(), or UsageError "is missing".
    Blob open(const std::string& name);

    /// The content of a small file. Throws UsageError for one larger than `limit` bytes.
    std::optional<std::string> read_if_exists(const std::string& name, std::size_t limit);
    std::string read(const std::string& name, std::size_t limit);
};

/// Files of an OCI layout's directory. Symbolic links within it are followed, none leads out.
class DirectoryBlobs final : public Blobs {
  public:
    explicit DirectoryBlobs(UniqueFd directory) noexcept : directory_(std::move(directory)) {}
    std::optional<Blob> open_if_exists(const std::string& name) override;

  private:
    UniqueFd directory_;
};

/// Files of a tar, by one walk over its headers. Links among them (docker's older archives have some) are
/// followed by name.
class TarBlobs final : public Blobs {
  public:
    /// @param file a regular file, not compressed; stays the caller's. Throws UsageError for a damaged tar or
    /// one of too many entries.
    explicit TarBlobs(int file);
    std::optional<Blob> open_if_exists(const std::string& name) override;

  private:
    struct Place {
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
        std::string link; ///< another name, cleaned, or empty
    };
    int file_;
    std::unordered_map<std::string, Place> places_;
};

} // namespace sandbox::unpack
