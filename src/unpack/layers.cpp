// SPDX-License-Identifier: Apache-2.0
// An image's manifest, config and layers.
#include "unpack/layers.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "linux/tree.hpp"
#include "unpack/entry_path.hpp"
#include "unpack/limits.hpp"
#include "unpack/tree_writer.hpp"
#include "unpack/whiteouts.hpp"

namespace sandbox::unpack {

namespace {

constexpr const char* docker_manifest = "manifest.json";
constexpr const char* oci_index = "index.json";
constexpr const char* again_hint = "compare its checksum with the one published, and fetch it again";

/// Indexes within indexes; real ones have two levels.
constexpr int deepest_index = 4;

std::string digest_of(std::string_view text) {
    Sha256 hash;
    hash.update({reinterpret_cast<const std::byte*>(text.data()), text.size()});
    return hash.finish();
}

std::string blob_path(const std::string& digest) {
    return "blobs/sha256/" + std::string{hex_of(digest)};
}

void expect_digest(const std::string& file, const std::string& wanted, const std::string& have) {
    if (!wanted.empty() && wanted != have) {
        throw UsageError(shorten(file), "does not have the digest that is demanded: " + wanted, again_hint);
    }
}

/// Docker names a config by its digest: HEX.json, or blobs/sha256/HEX. Empty for other names.
std::string digest_in_name(const std::string& file) {
    std::string_view name = file;
    name.remove_prefix(name.rfind('/') + 1);
    if (name.ends_with(".json")) {
        name.remove_suffix(5);
    }
    const std::string digest = "sha256:" + std::string{name};
    return is_digest(digest) ? digest : "";
}

std::string names_of(const std::vector<DockerImage>& images) {
    std::string list;
    for (const DockerImage& image : images) {
        list += list.empty() ? "" : ", ";
        list += shorten(image.names.empty() ? image.config : image.names.front());
    }
    return list;
}

/// The uppermost of equal layers is enough, and overlayfs takes none twice.
void drop_repeated(std::vector<ImageLayer>& layers) {
    for (std::size_t i = layers.size(); i-- > 0;) {
        const ImageLayer layer = layers[i];
        const auto below = layers.begin() + static_cast<std::ptrdiff_t>(i);
        const auto end = std::remove(layers.begin(), below, layer);
        i -= static_cast<std::size_t>(below - end);
        layers.erase(end, below);
    }
}

} // namespace

/// Where an image's parts lie in the archive.
struct ImageReader::Parts {
    struct Layer {
        std::string file;
        std::string digest; ///< of the file as it lies there; empty where nothing says
        std::uint64_t size = 0;
    };
    std::string config_text;
    std::string config_file;
    std::vector<Layer> layers; ///< lowest first
    std::vector<std::string> names;
};

/// A layer to unpack, and what came of it.
struct ImageReader::Job {
    std::size_t number = 0; ///< from 1, lowest first
    Parts::Layer blob;
    std::string diff_id;
    std::uint64_t size = 0; ///< of the uncompressed tar
    ExtractSummary summary = {};
    std::exception_ptr failure = {};
};

UniqueFd make_layer_root(int root, const std::string& hex) {
    // Where id 0 is not the caller's, it is the caller who moves this: rename(2) of a directory needs write
    // permission on it. Other users are kept out above it.
    check(::mkdirat(root, hex.c_str(), 0777), "make a directory for", hex);
    const std::string tree = hex + "/root";
    check(::mkdirat(root, tree.c_str(), 0755), "make a directory for", tree);
    return UniqueFd{check(::openat(root, tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", tree)};
}

ImageReader::ImageReader(Blobs& blobs, int root, const IdMaps& ids, KnownLayers known, OnRead on_read)
    : blobs_(blobs), root_(root), ids_(ids), known_(std::move(known)), on_read_(std::move(on_read)) {}

bool ImageReader::is_image(Blobs& blobs) {
    return blobs.open_if_exists(docker_manifest).has_value() || blobs.open_if_exists(oci_index).has_value();
}

/// A manifest, index or config, which are as long as they should be and have the digest that leads to them.
std::string ImageReader::read_blob(const Descriptor& descriptor) {
    const std::string file = blob_path(descriptor.digest);
    std::string text = blobs_.read(file, max_manifest);
    expect_digest(file, descriptor.digest, digest_of(text));
    return text;
}

ImageReader::Parts ImageReader::find_docker_parts(const std::string& text) {
    const std::vector<DockerImage> images = parse_docker_manifest(text, docker_manifest);
    if (images.size() != 1) {
        throw UsageError(docker_manifest,
                         images.empty() ? "names no image" : "names several images: " + names_of(images),
                         "save one image at a time");
    }
    Parts parts;
    parts.config_file = images[0].config;
    parts.config_text = blobs_.read(parts.config_file, max_manifest);
    expect_digest(parts.config_file, digest_in_name(parts.config_file), digest_of(parts.config_text));
    for (const std::string& layer : images[0].layers) {
        const std::string name = layer.starts_with("blobs/sha256/") ? digest_in_name(layer) : "";
        parts.layers.push_back({layer, name, 0});
    }
    parts.names = images[0].names;
    return parts;
}

ImageReader::Parts ImageReader::find_oci_parts(const std::string& text, const Platform& host) {
    Manifest manifest = parse_manifest(text, oci_index);
    Parts parts;
    for (int depth = 0; !manifest.config; ++depth) {
        if (depth == deepest_index) {
            throw UsageError(oci_index, "leads to index after index");
        }
        const Descriptor& chosen = choose_image(manifest.images, host);
        if (!chosen.name.empty()) {
            parts.names = {chosen.name};
        }
        const std::string file = blob_path(chosen.digest);
        const std::string next = read_blob(chosen);
        manifest = parse_manifest(next, file); // `chosen` lies in what this replaces
    }
    parts.config_file = blob_path(manifest.config->digest);
    parts.config_text = read_blob(*manifest.config);
    for (const Descriptor& layer : manifest.layers) {
        if (layer.media_type.ends_with("+encrypted")) {
            throw UsageError(shorten(layer.digest), "the layer is encrypted",
                             "decrypt it first: skopeo copy --decryption-key");
        }
        parts.layers.push_back({blob_path(layer.digest), layer.digest, layer.size});
    }
    return parts;
}

/// docker's archives of today are both; their manifest.json knows the names.
ImageReader::Parts ImageReader::find_parts(const Platform& host) {
    if (const auto text = blobs_.read_if_exists(docker_manifest, max_manifest)) {
        return find_docker_parts(*text);
    }
    return find_oci_parts(blobs_.read(oci_index, max_manifest), host);
}

void ImageReader::read_layer(Job& job, const OnRead& on_read) const {
    const auto& [file, blob_digest, blob_size] = job.blob;
    Blob blob = blobs_.open(file);
    if (!blob_digest.empty() && blob_size != 0 && blob.size != blob_size) {
        throw UsageError(shorten(file),
                         "has " + std::to_string(blob.size) + " bytes, not the " + std::to_string(blob_size) +
                             " that are demanded",
                         again_hint);
    }
    Sha256 blob_hash;
    Sha256 tar_hash;
    SliceSource slice{std::move(blob.file), blob.offset, blob.size, on_read};
    HashSource hashed{slice, blob_hash};
    PeekSource peeked{hashed};
    const std::unique_ptr<ByteSource> bytes = open_decompressed_layer(peeked);
    TarStream tar{*bytes, tar_hash};
    const std::string hex{hex_of(job.diff_id)};
    const UniqueFd root = make_layer_root(root_, hex);
    const auto duplicate = [&root] {
        return UniqueFd{check(::fcntl(root.get(), F_DUPFD_CLOEXEC, 0), "duplicate", "a descriptor")};
    };
    TreeWriter tree{duplicate(), !ids_.single()};
    Whiteouts whiteouts{duplicate()};
    try {
        job.summary = extract(tar, tree, ids_, &whiteouts);
        whiteouts.apply();
    } catch (const Error& error) {
        throw Error(
            "layer " + std::to_string(job.number) + (error.object().empty() ? "" : ": " + error.object()),
            error.reason(), error.hint());
    }
    while (!peeked.next().empty()) { // what follows the compressed data counts too
    }
    expect_digest(file, job.diff_id, tar_hash.finish());
    expect_digest(file, blob_digest, blob_hash.finish());
    job.size = tar.total();
}

/// A layer's threads wait for one another: the writer for the kernel, the reader for the writer. Two layers
/// side by side fill the gaps.
void ImageReader::read_layers(std::vector<Job>& jobs) const {
    std::mutex telling;
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> failed{jobs.size()}; // the lowest that has
    const auto work = [&]() noexcept {
        for (std::size_t i = next++; i < jobs.size() && i < failed; i = next++) {
            const OnRead on_read = [&, i](std::size_t bytes) {
                if (failed < i) {
                    throw Error("the layer", "is not wanted any more");
                }
                const std::lock_guard lock{telling};
                on_read_(bytes);
            };
            try {
                read_layer(jobs[i], on_read);
            } catch (...) {
                jobs[i].failure = std::current_exception();
                for (std::size_t lowest = failed; i < lowest && !failed.compare_exchange_weak(lowest, i);) {
                }
            }
        }
    };
    std::vector<std::thread> helpers;
    const std::size_t wanted =
        std::min({jobs.size(), std::size_t{std::thread::hardware_concurrency()}, limits::layers_at_once});
    while (helpers.size() + 1 < wanted) {
        try {
            helpers.emplace_back(work);
        } catch (const std::system_error&) {
            break; // no more threads are to be had: those that are there do it
        }
    }
    work();
    for (std::thread& helper : helpers) {
        helper.join();
    }
    if (failed < jobs.size()) {
        std::rethrow_exception(jobs[failed].failure);
    }
}

ImageRecord ImageReader::read(const Platform& host) {
    const Parts parts = find_parts(host);
    Config config = parse_config(parts.config_text, parts.config_file);
    ImageRecord record;
    record.id = digest_of(parts.config_text);
    record.config = std::move(config.config);
    record.names = parts.names;
    if (config.diff_ids.size() != parts.layers.size() || parts.layers.empty()) {
        throw UsageError(shorten(parts.config_file),
                         parts.layers.empty()
                             ? "the image has no layers, so there is nothing to run in"
                             : "names " + std::to_string(config.diff_ids.size()) + " layers, the manifest " +
                                   std::to_string(parts.layers.size()));
    }
    if (parts.layers.size() > max_image_layers) {
        throw UsageError({},
                         "the image has " + std::to_string(parts.layers.size()) +
                             " layers; overlayfs takes no more than " + std::to_string(max_image_layers),
                         "squash it: podman build --squash-all, or docker export of a container");
    }
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < parts.layers.size(); ++i) {
        const std::string& diff_id = config.diff_ids[i];
        if (known_.emplace(diff_id, 0).second) {
            jobs.push_back({i + 1, parts.layers[i], diff_id});
        }
    }
    read_layers(jobs);
    for (const Job& job : jobs) {
        known_[job.diff_id] = job.size;
        summary_.entries += job.summary.entries;
        summary_.devices += job.summary.devices;
    }
    for (const std::string& diff_id : config.diff_ids) {
        record.layers.push_back({diff_id, known_[diff_id]});
    }
    drop_repeated(record.layers);
    return record;
}

} // namespace sandbox::unpack
