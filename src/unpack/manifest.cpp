// SPDX-License-Identifier: Apache-2.0
// Reads the JSON of images.
#include "unpack/manifest.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "unpack/entry_path.hpp"

namespace sandbox::unpack {

namespace {

using Json = nlohmann::json;

/// A value and its place, for messages: "manifest.json", "layers[2].digest".
struct Node {
    const Json& value;
    const std::string& file;
    std::string path;

    [[noreturn]] void refuse(std::string_view what) const {
        throw UsageError(shorten(file),
                         (path.empty() ? "it" : printable(shorten(path))) + " is " + std::string{what});
    }

    [[nodiscard]] bool is_null() const { return value.is_null(); }

    /// A member; null where it is missing, as Go's encoder writes for what is empty.
    [[nodiscard]] Node at(const std::string& key) const {
        static const Json nothing;
        if (!value.is_object()) {
            refuse("no object");
        }
        const auto found = value.find(key);
        return {found != value.end() ? *found : nothing, file, path.empty() ? key : path + "." + key};
    }

    [[nodiscard]] std::vector<Node> items() const {
        if (!value.is_array() && !value.is_null()) {
            refuse("no list");
        }
        std::vector<Node> nodes;
        for (std::size_t i = 0; i < value.size(); ++i) {
            nodes.push_back({value[i], file, path + "[" + std::to_string(i) + "]"});
        }
        return nodes;
    }

    [[nodiscard]] std::string text() const {
        if (!value.is_string()) {
            refuse("no text");
        }
        auto content = value.get<std::string>();
        if (content.find('\0') != std::string::npos) {
            refuse("a text with a NUL byte in it");
        }
        return content;
    }
    [[nodiscard]] std::string text_or_empty() const { return is_null() ? "" : text(); }

    [[nodiscard]] std::vector<std::string> texts() const {
        std::vector<std::string> result;
        for (const Node& item : items()) {
            result.push_back(item.text());
        }
        return result;
    }

    [[nodiscard]] std::uint64_t number() const {
        if (!value.is_number_unsigned()) {
            refuse("no size");
        }
        return value.get<std::uint64_t>();
    }

    [[nodiscard]] std::string digest() const {
        std::string content = text();
        if (!is_digest(content)) {
            refuse("no sha256 digest");
        }
        return content;
    }

    /// An object's members as "KEY=VALUE", or its keys alone.
    [[nodiscard]] std::vector<std::string> members(bool with_values) const {
        std::vector<std::string> result;
        if (is_null()) {
            return result;
        }
        if (!value.is_object()) {
            refuse("no object");
        }
        for (const auto& [key, member] : value.items()) {
            const Node key_node{Json(key), file, path};
            std::string entry = key_node.text();
            if (with_values) {
                entry += "=" + Node{member, file, path + "." + key}.text();
            }
            result.push_back(std::move(entry));
        }
        return result;
    }
};

Json parse_json(std::string_view text, const std::string& file) {
    if (text.size() > max_manifest) {
        throw UsageError(shorten(file), "is larger than " + std::to_string(max_manifest) + " bytes");
    }
    Json document = Json::parse(text, nullptr, false);
    if (document.is_discarded()) {
        throw UsageError(shorten(file), "is not JSON, though it should be an image's manifest or config");
    }
    return document;
}

Descriptor read_descriptor(const Node& node) {
    Descriptor result;
    result.media_type = node.at("mediaType").text_or_empty();
    result.digest = node.at("digest").digest();
    result.size = node.at("size").number();
    if (const Node platform = node.at("platform"); !platform.is_null()) {
        result.platform =
            Platform{platform.at("os").text_or_empty(), platform.at("architecture").text_or_empty(),
                     platform.at("variant").text_or_empty()};
    }
    if (const Node notes = node.at("annotations"); !notes.is_null()) {
        result.name = notes.at("io.containerd.image.name").text_or_empty();
        if (result.name.empty()) {
            result.name = notes.at("org.opencontainers.image.ref.name").text_or_empty();
        }
    }
    return result;
}

std::vector<Descriptor> read_descriptors(const Node& node) {
    std::vector<Descriptor> result;
    for (const Node& item : node.items()) {
        result.push_back(read_descriptor(item));
    }
    return result;
}

std::string platform_name(const Platform& platform) {
    return platform.os + "/" + platform.architecture +
           (platform.variant.empty() ? "" : "/" + platform.variant);
}

/// How well an image runs here: 0 not at all.
int fitness(const std::optional<Platform>& platform, const Platform& host) {
    if (!platform || (platform->os.empty() && platform->architecture.empty())) {
        return 1;
    }
    if (platform->os != host.os || platform->architecture != host.architecture) {
        return 0;
    }
    const std::string& variant = platform->variant;
    // amd64's v2 to v4 ask for more than every processor has; arm64's v8 is what all have.
    const std::string& usual = host.architecture == "amd64" ? "v1" : host.variant;
    if (variant == usual || (variant.empty() && host.architecture != "arm")) {
        return 20;
    }
    // arm: what was made for an older variant runs, newer is better. "v5" < "v6" < "v7"
    if (host.architecture == "arm" && variant < host.variant) {
        return variant.empty() ? 2 : 10 + (variant.back() - '0');
    }
    return host.architecture == "amd64" ? 3 : 0;
}

std::string list_of(const std::vector<Descriptor>& images) {
    std::string list;
    constexpr std::size_t most = 12;
    for (std::size_t i = 0; i < images.size() && i < most; ++i) {
        const Descriptor& image = images[i];
        list += list.empty() ? "" : ", ";
        list += printable(shorten(image.platform       ? platform_name(*image.platform)
                                  : image.name.empty() ? image.digest
                                                       : image.name));
    }
    return images.size() > most ? list + ", ..." : list;
}

} // namespace

Manifest parse_manifest(std::string_view text, const std::string& file) {
    const Json document = parse_json(text, file);
    const Node root{document, file, {}};
    Manifest manifest;
    manifest.images = read_descriptors(root.at("manifests"));
    if (const Node config = root.at("config"); !config.is_null()) {
        manifest.config = read_descriptor(config);
        manifest.layers = read_descriptors(root.at("layers"));
    } else if (root.at("manifests").is_null()) {
        throw UsageError(shorten(file), "is neither an image's manifest nor an index of some");
    }
    return manifest;
}

std::vector<DockerImage> parse_docker_manifest(std::string_view text, const std::string& file) {
    const Json document = parse_json(text, file);
    const Node root{document, file, {}};
    std::vector<DockerImage> images;
    for (const Node& item : root.items()) {
        images.push_back({item.at("Config").text(), item.at("RepoTags").texts(), item.at("Layers").texts()});
    }
    return images;
}

Config parse_config(std::string_view text, const std::string& file) {
    const Json document = parse_json(text, file);
    const Node root{document, file, {}};
    Config result;
    if (root.at("rootfs").is_null()) {
        throw UsageError(shorten(file), "is no image's config: it has no rootfs",
                         "it may be an artifact, which holds no root file system");
    }
    for (const Node& item : root.at("rootfs").at("diff_ids").items()) {
        result.diff_ids.push_back(item.digest());
    }
    const Node process = root.at("config");
    if (process.is_null()) {
        return result;
    }
    ImageConfig& config = result.config;
    for (const Node& item : process.at("Env").items()) {
        const std::string entry = item.text();
        if (entry.starts_with('=')) {
            item.refuse("not of the form NAME=VALUE");
        }
        if (entry.find('=') != std::string::npos) { // a bare name sets nothing, as with docker
            config.environment.push_back(entry);
        }
    }
    config.entrypoint = process.at("Entrypoint").texts();
    config.command = process.at("Cmd").texts();
    config.labels = process.at("Labels").members(true);
    config.ports = process.at("ExposedPorts").members(false);
    config.working_directory = process.at("WorkingDir").text_or_empty();
    config.user = process.at("User").text_or_empty();
    config.stop_signal = process.at("StopSignal").text_or_empty();
    return result;
}

Platform platform_of(std::string_view machine) {
    struct Known {
        std::string_view machine;
        const char* architecture;
        const char* variant;
    };
    constexpr Known known[] = {
        {"x86_64", "amd64", ""},    {"aarch64", "arm64", "v8"}, {"armv8l", "arm", "v7"},
        {"armv7l", "arm", "v7"},    {"armv6l", "arm", "v6"},    {"armv5tel", "arm", "v5"},
        {"i686", "386", ""},        {"i586", "386", ""},        {"loongarch64", "loong64", ""},
        {"ppc64le", "ppc64le", ""}, {"riscv64", "riscv64", ""}, {"s390x", "s390x", ""}};
    for (const Known& entry : known) {
        if (entry.machine == machine) {
            return {"linux", entry.architecture, entry.variant};
        }
    }
    return {"linux", std::string{machine}, ""};
}

const Descriptor& choose_image(const std::vector<Descriptor>& images, const Platform& host) {
    const Descriptor* best = nullptr;
    int best_fitness = 0;
    bool several = false;
    for (const Descriptor& image : images) {
        const int fit = fitness(image.platform, host);
        if (fit > best_fitness) {
            best = &image;
            best_fitness = fit;
            several = false;
        } else if (fit != 0 && fit == best_fitness && image.digest != best->digest) {
            several = true;
        }
    }
    if (best == nullptr) {
        throw UsageError({},
                         images.empty()
                             ? "the index holds no image"
                             : "holds no image for " + platform_name(host) + ", only for " + list_of(images),
                         images.empty() ? "" : "get the one for this machine, for example with skopeo copy");
    }
    if (several) {
        throw UsageError({}, "holds several images: " + list_of(images),
                         "copy the one that you want: skopeo copy oci:DIR:TAG oci-archive:FILE");
    }
    return *best;
}

} // namespace sandbox::unpack
