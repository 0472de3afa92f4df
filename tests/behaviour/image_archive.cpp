// SPDX-License-Identifier: Apache-2.0
// The formats of docker's and OCI's images: image-layout.md, manifest.md, config.md of the OCI image
// specification.
#include "image_archive.hpp"

#include "harness.hpp"

namespace sandbox::test {

namespace {

std::string blob_path(const std::string& digest) {
    return "blobs/sha256/" + digest.substr(7);
}

/// Adds a blob. @return its descriptor, without its last brace
std::string add_blob(Files& files, const std::string& bytes, const std::string& type) {
    const std::string digest = digest_of(bytes);
    files[blob_path(digest)] = bytes;
    return R"({"mediaType":")" + type + R"(","digest":")" + digest + R"(","size":)" +
           std::to_string(bytes.size());
}

} // namespace

std::string digest_of(const std::string& bytes) {
    static std::map<std::string, std::string> known; // an image of 512 equal layers asks 1,024 times
    std::string& digest = known[bytes];
    if (digest.empty()) {
        RunOptions options;
        options.input = bytes;
        digest = "sha256:" + run({"sha256sum"}, options).out.substr(0, 64);
    }
    return digest;
}

std::string compressed(const std::string& bytes, const Arguments& command) {
    RunOptions options;
    options.input = bytes;
    return run(command, options).out;
}

std::string config_json(const ImageParts& parts) {
    std::string diff_ids;
    for (const std::string& layer : parts.layers) {
        diff_ids += (diff_ids.empty() ? "\"" : ",\"") + digest_of(layer) + "\"";
    }
    return "{" + parts.platform + R"(,"config":)" + parts.config +
           R"(,"rootfs":{"type":"layers","diff_ids":[)" + diff_ids + "]}}";
}

std::string add_oci_manifest(Files& files, const ImageParts& parts) {
    const std::string config =
        add_blob(files, config_json(parts), "application/vnd.oci.image.config.v1+json") + "}";
    std::string layers;
    for (const std::string& layer : parts.blobs.empty() ? parts.layers : parts.blobs) {
        layers += layers.empty() ? "" : ",";
        layers += add_blob(files, layer, "application/vnd.oci.image.layer.v1.tar") + "}";
    }
    return add_blob(files, R"({"schemaVersion":2,"config":)" + config + R"(,"layers":[)" + layers + "]}",
                    "application/vnd.oci.image.manifest.v1+json");
}

Files oci_layout(const ImageParts& parts) {
    Files files{{"oci-layout", R"({"imageLayoutVersion":"1.0.0"})"}};
    const std::string manifest = add_oci_manifest(files, parts);
    files["index.json"] = R"({"schemaVersion":2,"manifests":[)" + manifest + "}]}";
    return files;
}

Files docker_archive(const ImageParts& parts, const std::string& name) {
    Files files;
    const std::string config = config_json(parts);
    const std::string config_name = digest_of(config).substr(7) + ".json";
    files[config_name] = config;
    std::string layers;
    for (std::size_t i = 0; i < parts.layers.size(); ++i) {
        const std::string directory = digest_of(std::to_string(i) + parts.layers[i]).substr(7);
        files[directory + "/VERSION"] = "1.0";
        files[directory + "/json"] = "{}";
        files[directory + "/layer.tar"] = parts.blobs.empty() ? parts.layers[i] : parts.blobs[i];
        layers += (layers.empty() ? "\"" : ",\"") + directory + "/layer.tar\"";
    }
    files["manifest.json"] =
        R"([{"Config":")" + config_name + R"(","RepoTags":[")" + name + R"("],"Layers":[)" + layers + "]}]";
    files["repositories"] = "{}";
    return files;
}

std::string tar_of(const Files& files) {
    std::vector<Entry> entries;
    entries.reserve(files.size());
    for (const auto& [name, content] : files) {
        entries.push_back({name, content});
    }
    return make_archive(entries);
}

void write_directory(const std::filesystem::path& path, const Files& files) {
    for (const auto& [name, content] : files) {
        std::filesystem::create_directories((path / name).parent_path());
        write_text(path / name, content);
    }
}

std::string base_layer(const std::vector<Entry>& entries) {
    std::vector<Entry> all{{"bin/", "", '5'}, {"bin/busybox", busybox_binary()}};
    for (const char* applet :
         {"sh", "cat", "ls", "stat", "id", "echo", "sleep", "find", "pwd", "env", "true"}) {
        all.push_back({std::string{"bin/"} + applet, "", '2', "busybox"});
    }
    all.insert(all.end(), entries.begin(), entries.end());
    return make_archive(all);
}

} // namespace sandbox::test
