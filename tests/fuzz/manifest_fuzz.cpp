// SPDX-License-Identifier: Apache-2.0
// The JSON of images: docker's manifest.json, OCI indexes and manifests, configs. The first byte chooses
// which. What is taken holds digests only, no NULs, and survives the record that a start reads.
#include <algorithm>

#include "base/image_record.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "unpack/manifest.hpp"

using namespace sandbox;
using fuzz::require;

namespace {

void require_no_nul(const std::string& text) {
    require(text.find('\0') == std::string::npos, "no text of an image has a NUL in it");
}

void require_descriptor(const unpack::Descriptor& descriptor) {
    require(is_digest(descriptor.digest), "what leads to a blob is a digest");
    require_no_nul(descriptor.name);
    require_no_nul(descriptor.media_type);
}

void read_manifest(std::string_view text) {
    const unpack::Manifest manifest = unpack::parse_manifest(text, "index.json");
    for (const auto* list : {&manifest.layers, &manifest.images}) {
        std::for_each(list->begin(), list->end(), require_descriptor);
    }
    if (manifest.config) {
        require_descriptor(*manifest.config);
    }
    for (const char* machine : {"x86_64", "aarch64", "armv7l"}) {
        const unpack::Platform host = unpack::platform_of(machine);
        const unpack::Descriptor* chosen = nullptr;
        if (fuzz::is_taken([&] { chosen = &unpack::choose_image(manifest.images, host); })) {
            require(
                chosen >= manifest.images.data() && chosen < manifest.images.data() + manifest.images.size(),
                "the image chosen is one of the index");
        }
    }
}

void read_docker_manifest(std::string_view text) {
    for (const unpack::DockerImage& image : unpack::parse_docker_manifest(text, "manifest.json")) {
        require_no_nul(image.config);
        std::for_each(image.names.begin(), image.names.end(), require_no_nul);
        std::for_each(image.layers.begin(), image.layers.end(), require_no_nul);
    }
}

void read_config(std::string_view text) {
    const unpack::Config config = unpack::parse_config(text, "config.json");
    ImageRecord record;
    record.id = "sha256:" + std::string(64, '0');
    for (const std::string& digest : config.diff_ids) {
        require(is_digest(digest), "a layer's name is a digest");
        const ImageLayer layer{digest, 1};
        if (record.layers.size() < max_image_layers &&
            std::find(record.layers.begin(), record.layers.end(), layer) == record.layers.end()) {
            record.layers.push_back(layer);
        }
    }
    record.config = config.config;
    for (const std::string& variable : record.config.environment) {
        require(variable.find('=') != std::string::npos && variable.front() != '=', "a variable has a name");
    }
    if (!record.layers.empty()) { // as every image that gets as far as a record
        require(parse_image_record(format_image_record(record)) == record,
                "a record is read as it was written");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = fuzz::text_of(data, size);
    constexpr void (*readers[])(std::string_view) = {read_manifest, read_docker_manifest, read_config};
    const auto reader = readers[fuzz::take_choice(text) % std::size(readers)];
    (void)fuzz::is_taken([&] { reader(text); });
    return 0;
}
