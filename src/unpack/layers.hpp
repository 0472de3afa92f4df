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
    ImageReader(Blobs& blobs, int root, const IdMaps& ids, KnownLayers known, OnRead on_read);

    /// Whether these files are an image at all.
    static bool is_image(Blobs& blobs);

    /// Makes /HEX/root for each layer that is not known. Of an index it takes the
    /// image that fits `host`. Throws UsageError, SystemError.
    ImageRecord read(const Platform& host);

    [[nodiscard]] const ExtractSummary& summary() const noexcept { return summary_; }

  private:
    struct Parts;
    Parts find_parts(const Platform& host);
    Parts find_docker_parts(const std::string& text);
    Parts find_oci_parts(const std::string& text, const Platform& host);
    std::string read_blob(const Descriptor& descriptor);
    ImageLayer read_layer(const std::string& file, const std::string& blob_digest, std::uint64_t blob_size,
                          const std::string& diff_id);

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
