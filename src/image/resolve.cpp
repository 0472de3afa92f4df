// SPDX-License-Identifier: Apache-2.0
// From IMAGE to trees: what it names, and the cache of imported files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "image/image.hpp"
#include "image/import.hpp"

namespace sandbox {

namespace {

std::string absolute_path(const std::string& path) {
    char resolved[PATH_MAX];
    return ::realpath(path.c_str(), resolved) != nullptr ? resolved : path;
}

void require_root_filesystem(const UniqueFd& directory, const std::string& name) {
    for (const char* entry : {"bin", "usr", "etc", "sbin", "lib"}) {
        struct stat status {};
        if (::fstatat(directory.get(), entry, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            return;
        }
    }
    throw UsageError(name, "the directory is no root file system: it has none of bin, usr, etc, sbin, lib",
                     "unpack one there, or name an archive: sandbox run IMAGE.tar COMMAND");
}

std::string nanoseconds(const timespec& time) {
    return std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
}

/// A file is known by what stat(2) says of it, as git's index does it.
std::string cache_key(const struct stat& status, const Mapping& mapping) {
    return std::to_string(status.st_dev) + "-" + std::to_string(status.st_ino) + "-" +
           std::to_string(status.st_size) + "-" + nanoseconds(status.st_mtim) + "-" +
           nanoseconds(status.st_ctim) + "-" + mapping.key;
}

/// ROOT/tars/KEY: "sha256:HEX SECONDS", the layer and when it was read.
struct CacheEntry {
    std::string digest;
    std::int64_t imported_at = 0;
};

std::optional<CacheEntry> parse_entry(std::string_view text) {
    const auto fields = split(trim(text), ' ');
    if (fields.size() != 2 || !is_digest(fields[0])) {
        return std::nullopt;
    }
    const auto time = parse_signed(fields[1]);
    return time ? std::optional{CacheEntry{std::string{fields[0]}, *time}} : std::nullopt;
}

std::optional<std::string> cached_tree(const Store& store, const std::string& key, const struct stat& status,
                                       const Mapping& mapping) {
    const auto text = read_file_if_exists(store.fd(), "tars/" + key);
    const auto entry = text ? parse_entry(*text) : std::nullopt;
    // A file written within the clock's grain of its import may have changed since without showing it.
    constexpr std::int64_t racy_seconds = 2;
    if (!entry || entry->imported_at - status.st_ctim.tv_sec < racy_seconds) {
        return std::nullopt;
    }
    const std::string tree = tree_path(entry->digest, mapping);
    if (::faccessat(store.fd(), tree.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        return std::nullopt;
    }
    return store.path() + "/" + tree;
}

UniqueFd open_archive(const Image& image, struct stat& status) {
    UniqueFd file{check(::open(image.name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK), "open", image.name)};
    check(::fstat(file.get(), &status), "look at", image.name);
    if (!S_ISREG(status.st_mode)) {
        throw UsageError(image.name, "neither a file nor a directory");
    }
    return file;
}

} // namespace

Image identify_image(const std::string& text) {
    if (text == "host") {
        return {ImageKind::host, text, {"/"}};
    }
    struct stat status {};
    if (::stat(text.c_str(), &status) < 0) {
        if (errno != ENOENT && errno != ENOTDIR) {
            throw_errno(errno, "open the image", text);
        }
        throw UsageError(
            text, "no such image: there is no file or directory of that name",
            "name a root file system's tar, a directory that holds one, or host; nothing is pulled");
    }
    if (!S_ISDIR(status.st_mode)) {
        return {ImageKind::tree, text, {}};
    }
    const UniqueFd directory{check(::open(text.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", text)};
    require_root_filesystem(directory, text);
    return {ImageKind::directory, text, {absolute_path(text)}};
}

bool provide_tree_if_imported(Image& image, const Store& store, const Mapping& mapping) {
    struct stat status {};
    const UniqueFd file = open_archive(image, status);
    const auto tree = cached_tree(store, cache_key(status, mapping), status, mapping);
    if (tree) {
        image.layers = {*tree};
    }
    return tree.has_value();
}

void provide_tree(Image& image, const Store& store, const Mapping& mapping, const Log& log) {
    struct stat status {};
    const UniqueFd file = open_archive(image, status);
    const std::string key = cache_key(status, mapping);
    auto tree = cached_tree(store, key, status, mapping);
    if (!tree) {
        const UniqueFd tars = store.open_directory(store.fd(), "tars");
        const ImportLock lock{tars.get(), key};
        tree = cached_tree(store, key, status, mapping); // by another start while this one waited
        if (!tree) {
            const std::int64_t now = ::time(nullptr);
            const std::string digest = import_archive(
                {file.get(), static_cast<std::uint64_t>(status.st_size)}, image.name, store, mapping, log);
            write_file_atomically(tars.get(), key, digest + " " + std::to_string(now) + "\n");
            tree = store.path() + "/" + tree_path(digest, mapping);
        }
    }
    image.layers = {*tree};
}

} // namespace sandbox
