// SPDX-License-Identifier: Apache-2.0
// From IMAGE to trees: what it names, and the cache of imported files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "image/catalog.hpp"
#include "image/collect.hpp"
#include "image/directory_tar.hpp"
#include "image/image.hpp"
#include "image/import.hpp"
#include "image/known_files.hpp"
#include "image/names.hpp"
#include "image/tree_kinds.hpp"

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
        if (errno == EACCES) {
            throw SystemError(errno, "look into", name);
        }
    }
    throw UsageError(name, "the directory is no root file system: it has none of bin, usr, etc, sbin, lib",
                     "unpack one there, or name an archive: sandbox run IMAGE.tar COMMAND");
}

/// As `skopeo copy oci:DIR`, `podman save --format oci-dir` and umoci make it. image-layout.md
bool is_oci_layout(const UniqueFd& directory) {
    return ::faccessat(directory.get(), "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
           ::faccessat(directory.get(), "index.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/// An archive, open, and how it is remembered.
struct Archive {
    UniqueFd file;
    std::uint64_t size = 0; ///< 0 for a pipe
    struct stat status {};  ///< of a layout's directory: its index.json's
    bool can_be_known = false;
};

Archive open_archive(const std::string& name) {
    Archive archive;
    if (name == "-") {
        if (::isatty(STDIN_FILENO) == 1) {
            throw UsageError("-", "stdin is a terminal, not an archive", "sandbox import - NAME < image.tar");
        }
        archive.file = UniqueFd{check(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), "read", "stdin")};
    } else {
        // O_NONBLOCK: a FIFO without a writer is told before it is waited for.
        archive.file = UniqueFd{check(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK), "open", name)};
    }
    check(::fstat(archive.file.get(), &archive.status), "look at", name);
    if (S_ISDIR(archive.status.st_mode)) {
        check(::fstatat(archive.file.get(), "index.json", &archive.status, AT_SYMLINK_NOFOLLOW), "look at",
              name + "/index.json");
        archive.can_be_known = true;
    } else if (S_ISREG(archive.status.st_mode)) {
        archive.size = static_cast<std::uint64_t>(archive.status.st_size);
        // What stands somewhere in a file is not the file.
        archive.can_be_known = ::lseek(archive.file.get(), 0, SEEK_CUR) == 0;
    } else if (S_ISFIFO(archive.status.st_mode) || (name == "-" && S_ISSOCK(archive.status.st_mode))) {
        if (name != "-") {
            check(::fcntl(archive.file.get(), F_SETFL, 0), "read", name);
        }
    } else {
        throw UsageError(
            name, name == "-" ? "stdin is neither a file nor a pipe" : "neither a file nor a directory",
            name == "-" ? "name the archive, or pipe it in: curl URL | sandbox run - COMMAND" : "");
    }
    return archive;
}

/// Fills in the image from its record. @return false where a tree for this map is missing
bool take_image(Image& image, const Store& store, const Mapping& mapping, const std::string& id) {
    auto used = use_image_if_exists(store, id);
    if (!used) {
        return false;
    }
    std::vector<std::string> layers;
    for (auto layer = used->record.layers.rbegin(); layer != used->record.layers.rend(); ++layer) {
        if (!has_tree(store, layer->digest, mapping.key)) {
            return false;
        }
        layers.push_back(store.path() + "/" + tree_path(layer->digest, mapping.key));
    }
    image.layers = std::move(layers);
    image.id = id;
    image.config = std::move(used->record.config);
    image.lock = std::move(used->lock);
    return true;
}

/// Makes the trees of these layers that are there for other kinds of map, or in the shared store, only.
/// @return false where one cannot be made so
bool make_missing_trees(const Store& store, const TreeMapping& trees, const std::vector<ImageLayer>& layers,
                        const Log& log, const Store* shared = nullptr) {
    if (store.is_shared()) {
        return false; // it has one kind
    }
    return std::all_of(layers.begin(), layers.end(), [&](const ImageLayer& layer) {
        return has_tree(store, layer.digest, trees.mapping.key) ||
               make_tree_of_kind(store, layer.digest, trees.request, trees.mapping, log, shared);
    });
}

bool make_missing_trees(const Store& store, const TreeMapping& trees, const std::string& id, const Log& log) {
    const auto used = use_image_if_exists(store, id);
    return used && make_missing_trees(store, trees, used->record.layers, log);
}

bool take_known_file(Image& image, const Store& store, const Mapping& mapping, const Archive& archive) {
    const auto known = archive.can_be_known
                           ? find_known_file(store, known_file_key(archive.status), archive.status)
                           : std::nullopt;
    if (!known || !take_image(image, store, mapping, known->id)) {
        return false;
    }
    image.unsynced = !known->boot.empty();
    return true;
}

/// What a power failure may have left half on the disk goes before anything is put beside it: a layer of it
/// would serve as one that is there.
void remove_stale_images(const Store& store, const Mapping& mapping) {
    if (!drop_stale_files(store)) {
        return;
    }
    try {
        (void)collect(store, mapping, false);
    } catch (const Error&) {
        // Out of the way it is; trees of ids that this map has not are left to sandbox prune.
        return;
    }
}

/// The kind of a shared store's trees that a sandbox of this map can use where they lie. Their owner is the
/// only id in them: where that is not the caller's nothing can be written over them. overlayfs.rst,
/// "Permission model"; a copy up would give the file to an id that is not mapped.
std::string usable_kind(const Store& shared, const TreeMapping& trees) {
    if (!shared.is_shared()) {
        return trees.mapping.key;
    }
    const bool fits = trees.mapping.maps.is_single() && (shared.is_the_callers() || trees.read_only);
    return fits ? shared_map_key : "";
}

/// Straight from the shared store. @return false where a tree does not fit
bool take_shared_trees(Image& image, const TreeMapping& trees) {
    const std::string kind = usable_kind(*image.shared, trees);
    if (kind.empty()) {
        return false;
    }
    auto used = use_image_if_exists(*image.shared, image.id);
    std::vector<std::string> layers;
    for (std::size_t i = used ? used->record.layers.size() : 0; i-- > 0;) {
        const std::string& digest = used->record.layers[i].digest;
        if (!has_tree(*image.shared, digest, kind)) {
            return false;
        }
        layers.push_back(image.shared->path() + "/" + tree_path(digest, kind));
    }
    if (layers.empty()) {
        return false;
    }
    image.layers = std::move(layers);
    image.config = std::move(used->record.config);
    image.lock = std::move(used->lock);
    return true;
}

/// As the copy of a shared image is remembered: like a known file, so that prune may drop it.
std::string shared_copy_key(const std::string& id) {
    return "shared-" + std::string{hex_of(id)};
}

bool take_shared_copy(Image& image, const Store& store, const Mapping& mapping) {
    return find_known_file_of_key(store, shared_copy_key(image.id)) &&
           take_image(image, store, mapping, image.id);
}

void copy_shared_image(Image& image, const Store& store, const TreeMapping& trees, const Log& log) {
    remove_stale_images(store, trees.mapping);
    const std::string key = shared_copy_key(image.id);
    const UniqueFd tars = store.open_directory(store.fd(), "tars");
    const ImportLock lock{tars.get(), key};
    const UniqueFd store_lock = lock_store(store, LockKind::shared, true);
    if (take_shared_copy(image, store, trees.mapping)) {
        return; // made by another start while this one waited
    }
    const auto used = use_image_if_exists(*image.shared, image.id);
    if (used) {
        log.note(image.name +
                 ": copying it from the shared store, once: its trees there do not fit your ids");
    }
    if (!used || !make_missing_trees(store, trees, used->record.layers, log, image.shared)) {
        throw UsageError(
            image.name,
            used ? "the shared store has it for other ids than yours only"
                 : "the shared store's record of it cannot be read",
            "its owner can import it for everybody: sandbox import --root NEW-DIR --shareable FILE");
    }
    (void)put_image_record(store, used->record);
    put_known_file(store, key, {image.id, ::time(nullptr), {}});
    if (!take_image(image, store, trees.mapping, image.id)) {
        throw Error(image.name, "its copy from the shared store has gone again");
    }
}

[[noreturn]] void refuse_missing_tree(const Image& image) {
    throw UsageError(image.name,
                     "the stored image cannot be used: its record, or its tree for this id map, is missing",
                     "remove it with sandbox rmi " + image.name + ", and import it again with this --userns");
}

} // namespace

Image identify_image(const std::string& text, const Store* store, const Store* shared) {
    Image image;
    image.name = text;
    if (text == "host") {
        image.layers = {"/"};
        return image;
    }
    image.kind = ImageKind::tree;
    if (text == "-") {
        return image;
    }
    // "./x" is always a path; and so a file that a stranger put in the current directory never shadows a
    // name.
    const auto name = canonical_image_name(text);
    for (const Store* const place : {store, shared}) {
        if (const auto id = name && place != nullptr ? find_image_name(*place, *name) : std::nullopt) {
            image.id = *id;
            image.shared = place == shared ? shared : nullptr;
            return image;
        }
    }
    struct stat status {};
    if (::stat(text.c_str(), &status) < 0) {
        if (errno != ENOENT && errno != ENOTDIR) {
            throw_errno(errno, "open the image", text);
        }
        throw UsageError(text, "no such image: there is no stored image, file or directory of that name",
                         "sandbox images lists what is stored; nothing is pulled");
    }
    if (!S_ISDIR(status.st_mode)) {
        return image;
    }
    const UniqueFd directory{check(::open(text.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", text)};
    if (is_oci_layout(directory)) {
        return image;
    }
    require_root_filesystem(directory, text);
    image.kind = ImageKind::directory;
    image.layers = {absolute_path(text)};
    return image;
}

bool provide_tree_if_imported(Image& image, const Store& store, const TreeMapping& trees) {
    const Mapping& mapping = trees.mapping;
    if (image.shared != nullptr) {
        return take_shared_copy(image, store, mapping) || take_shared_trees(image, trees);
    }
    if (!image.id.empty()) {
        return take_image(image, store, mapping, image.id);
    }
    return image.name != "-" && take_known_file(image, store, mapping, open_archive(image.name));
}

void provide_tree(Image& image, const Store& store, const TreeMapping& trees, const Log& log) {
    const Mapping& mapping = trees.mapping;
    if (image.shared != nullptr) {
        if (!take_shared_copy(image, store, mapping) && !take_shared_trees(image, trees)) {
            copy_shared_image(image, store, trees, log);
        }
        return;
    }
    if (!image.id.empty()) {
        if (take_image(image, store, mapping, image.id)) {
            return;
        }
        const UniqueFd store_lock = lock_store(store, LockKind::shared, true);
        if (!make_missing_trees(store, trees, image.id, log) ||
            !take_image(image, store, mapping, image.id)) {
            refuse_missing_tree(image);
        }
        return;
    }
    const Archive archive = open_archive(image.name);
    if (take_known_file(image, store, mapping, archive)) {
        return;
    }
    remove_stale_images(store, mapping);
    const std::string key = known_file_key(archive.status);
    const UniqueFd tars = store.open_directory(store.fd(), "tars");
    const ImportLock lock{tars.get(), key};
    const UniqueFd store_lock = lock_store(store, LockKind::shared, true);
    if (take_known_file(image, store, mapping, archive)) {
        return; // by another start while this one waited
    }
    const auto known = archive.can_be_known ? find_known_file(store, key, archive.status) : std::nullopt;
    if (known && make_missing_trees(store, trees, known->id, log) &&
        take_known_file(image, store, mapping, archive)) {
        return;
    }
    const std::int64_t now = ::time(nullptr);
    const NewImage made = import_archive({archive.file.get(), archive.size}, image.name, store, mapping, log);
    if (archive.can_be_known) {
        put_known_file(store, key, {made.id, now, boot_id()});
    }
    if (!take_image(image, store, mapping, made.id)) {
        refuse_missing_tree(image);
    }
    image.unsynced = true;
    image.is_new = made.is_new;
}

namespace {

/// A copy of a directory that is a root file system; it must not change meanwhile.
void import_directory(Image& image, const Store& store, const TreeMapping& trees, const Log& log) {
    remove_stale_images(store, trees.mapping);
    const UniqueFd store_lock = lock_store(store, LockKind::shared, true);
    DirectoryTar tar{image.name, image.layers.at(0), trees.mapping, log};
    NewImage made;
    try {
        made = import_archive({tar.fd(), 0}, image.name, store, trees.mapping, log);
    } catch (const Error&) {
        tar.rethrow_failure(); // a tar that ends early does so for a reason
        throw;
    }
    tar.finish();
    if (!take_image(image, store, trees.mapping, made.id)) {
        refuse_missing_tree(image);
    }
    image.is_new = made.is_new;
}

} // namespace

Imported import_image(const std::string& source, const std::string& name, const Store& store,
                      const TreeMapping& trees, const Log& log) {
    Image image = identify_image(
        source == "-" || source.find('/') != std::string::npos ? source : "./" + source, nullptr);
    Imported result;
    if (image.kind == ImageKind::directory) {
        import_directory(image, store, trees, log);
    } else {
        provide_tree(image, store, trees, log);
    }
    result.was_there = !image.is_new;
    result.id = image.id;
    const auto used = use_image_if_exists(store, image.id);
    if (!name.empty()) {
        result.names = {name};
    }
    for (const std::string& own : name.empty() && used ? used->record.names : std::vector<std::string>{}) {
        if (const auto canonical = canonical_image_name(own);
            canonical && own.find(':') != std::string::npos) {
            result.names.push_back(*canonical);
        }
    }
    if (result.names.empty()) {
        const auto from_path = source == "-" ? std::nullopt : image_name_from_path(source);
        if (!from_path) {
            throw UsageError(source, "the image has no name", "sandbox import " + source + " NAME");
        }
        result.names = {*from_path};
    }
    sync_store(store);
    mark_synced(store, image.id);
    for (const std::string& each : result.names) {
        put_image_name(store, each, image.id);
    }
    return result;
}

void sync_store(const Store& store) {
    check(::syncfs(store.fd()), "write to the disk", store.path());
}

void mark_synced(const Store& store, const std::string& id) {
    for (const auto& [key, file] : list_known_files(store)) {
        if (file.id == id && key == new_image_key(id)) {
            (void)::unlinkat(store.fd(), ("tars/" + key).c_str(), 0); // gone already is as good
        } else if (file.id == id && !file.boot.empty()) {
            put_known_file(store, key, {file.id, file.imported_at, {}});
        }
    }
}

} // namespace sandbox
