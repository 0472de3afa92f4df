// SPDX-License-Identifier: Apache-2.0
// An image's manifest, config and layers, each held against its digest, and unpacked.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/image_record.hpp"
#include "unpack/blobs.hpp"
#include "unpack/extract.hpp"
#include "unpack/id_map.hpp"
#include "unpack/manifest.hpp"

namespace sandbox::unpack {

/// Unpacks one image out of its files.
class ImageReader {
  public:
    using KnownLayers = std::map<std::string, std::uint64_t>; ///< digest, size
    using OnRead = std::function<void(std::size_t bytes)>;

    /// @param root the import's directory; @param known layers that need not be unpacked
    /// @param on_read told of each block that was read; one call at a time, from any thread
    ImageReader(Blobs& blobs, int root, const IdMaps& ids, KnownLayers known, OnRead on_read);

    /// Whether these files are an image at all.
    static bool is_image(Blobs& blobs);

    /// Makes /HEX/root for each layer that is not known, several at once where there are processors for it.
    /// Of an index it takes the image that fits `host`. Throws Error; of several bad layers about the lowest.
    ImageRecord read(const Platform& host);

    [[nodiscard]] const ExtractSummary& summary() const noexcept { return summary_; }

  private:
    struct Parts;
    struct Job;
    Parts find_parts(const Platform& host);
    Parts find_docker_parts(const std::string& text);
    Parts find_oci_parts(const std::string& text, const Platform& host);
    std::string read_blob(const Descriptor& descriptor);
    void read_layer(Job& job, const OnRead& on_read) const;
    void read_layers(std::vector<Job>& jobs) const;

    Blobs& blobs_;
    int root_;
    const IdMaps& ids_;
    KnownLayers known_;
    OnRead on_read_;
    ExtractSummary summary_;
};

/// "/HEX/root", made new, open.
UniqueFd make_layer_root(int root, const std::string& hex);

} // namespace sandbox::unpack
