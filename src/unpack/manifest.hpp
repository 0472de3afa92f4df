// SPDX-License-Identifier: Apache-2.0
// The JSON of images: docker's manifest.json, OCI indexes and manifests, image configs. Pure; everything in
// it is a stranger's, so types are demanded, sizes bounded, and what is not understood is an error that names
// its place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/image_record.hpp"

namespace sandbox::unpack {

/// The most bytes of one JSON file. Registries take 4 MiB.
constexpr std::size_t max_manifest = std::size_t{4} << 20;

struct Platform {
    std::string os;
    std::string architecture; ///< Go's names: "amd64", "arm64"
    std::string variant;      ///< "v7"; may be empty
};

/// Points to a blob. OCI image specification, descriptor.md.
struct Descriptor {
    std::string media_type;
    std::string digest; ///< "sha256:" and 64 digits
    std::uint64_t size = 0;
    std::string name; ///< annotation org.opencontainers.image.ref.name, or containerd's full name
    std::optional<Platform> platform;
};

/// An image or, where it has no config, an index of some.
struct Manifest {
    std::optional<Descriptor> config;
    std::vector<Descriptor> layers; ///< lowest first
    std::vector<Descriptor> images; ///< an index's
};

/// One image of docker's manifest.json: names of files in the archive.
struct DockerImage {
    std::string config;
    std::vector<std::string> names;
    std::vector<std::string> layers; ///< lowest first
};

struct Config {
    ImageConfig config;
    std::vector<std::string> diff_ids; ///< lowest first
};

/// @param file the JSON's place in the archive, for messages. All throw UsageError.
Manifest parse_manifest(std::string_view text, const std::string& file);
std::vector<DockerImage> parse_docker_manifest(std::string_view text, const std::string& file);
Config parse_config(std::string_view text, const std::string& file);

/// This host's, from uname(2)'s machine.
Platform platform_of(std::string_view machine);

/// The image of an index that fits the host best; images without a platform fit when nothing else does.
/// Throws UsageError that lists what there is when none fits, or when several different ones do.
const Descriptor& choose_image(const std::vector<Descriptor>& images, const Platform& host);

} // namespace sandbox::unpack
