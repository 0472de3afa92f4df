// SPDX-License-Identifier: Apache-2.0
// Makes images as docker and OCI tools write them, and as they never would.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "archive.hpp"
#include "harness.hpp"

namespace sandbox::test {

/// "sha256:" and the digits.
std::string digest_of(const std::string& bytes);

/// Through a program's stdin and stdout: gzip, zstd, xz.
std::string compressed(const std::string& bytes, const Arguments& command);

/// Files of an archive or a layout's directory, by name.
using Files = std::map<std::string, std::string>;

/// What an image is made of: layers as tars, lowest first, and the config's "config" member as JSON.
struct ImageParts {
    std::vector<std::string> layers;
    std::vector<std::string> blobs = {}; ///< the layers as they lie in the archive; empty: as they are
    std::string config = "{}";
    std::string platform = R"("architecture":"amd64","os":"linux")";
};

/// The JSON of the config file.
std::string config_json(const ImageParts& parts);
/// Adds config, layers and manifest. @return the manifest's descriptor, without its last brace
std::string add_oci_manifest(Files& files, const ImageParts& parts);
/// An OCI layout of one image.
Files oci_layout(const ImageParts& parts);
/// What `docker save` wrote until version 24: HEX/layer.tar, HEX/json, HEX/VERSION, manifest.json.
Files docker_archive(const ImageParts& parts, const std::string& name = "test:latest");

std::string tar_of(const Files& files);
void write_directory(const std::filesystem::path& path, const Files& files);

/// A layer with busybox and its applets; `entries` after that.
std::string base_layer(const std::vector<Entry>& entries = {});

} // namespace sandbox::test
