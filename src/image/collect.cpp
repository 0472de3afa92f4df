// SPDX-License-Identifier: Apache-2.0
// The collector.
#include "image/collect.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "image/catalog.hpp"
#include "image/image.hpp"
#include "image/import.hpp"
#include "image/known_files.hpp"
#include "image/lock_holders.hpp"
#include "image/names.hpp"

namespace sandbox {

namespace {

std::set<std::string> referenced_images(const Store& store) {
    std::set<std::string> ids;
    for (const NamedImage& image : list_image_names(store)) {
        ids.insert(image.id);
    }
    for (const KnownFileEntry& entry : list_known_files(store)) {
        ids.insert(entry.file.id);
    }
    return ids;
}

void forget_known_files(const Store& store, const std::string& id) {
    for (const auto& [key, file] : list_known_files(store)) {
        if (id.empty() || file.id == id) {
            (void)::unlinkat(store.fd(), ("tars/" + key).c_str(), 0); // gone already is as good
        }
    }
}

/// The record's file, locked against new users. @return an invalid one where the image is in use
UniqueFd lock_record(const Store& store, const std::string& path) {
    // For writing, though nothing is written: over NFS an exclusive lock asks for it. flock(2), "NFS details"
    UniqueFd file{::openat(store.fd(), path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC)};
    if (file.valid() && ::flock(file.get(), LOCK_EX | LOCK_NB) < 0) {
        file.reset();
    }
    return file;
}

unsigned remove_unreferenced_records(const Store& store) {
    const std::set<std::string> wanted = referenced_images(store);
    unsigned removed = 0;
    for (const std::string& hex : entries_of(store.fd(), "images")) {
        const std::string path = "images/" + hex;
        if (wanted.contains("sha256:" + hex)) {
            continue;
        }
        if (const UniqueFd lock = lock_record(store, path); lock.valid()) {
            removed += ::unlinkat(store.fd(), path.c_str(), 0) == 0 ? 1 : 0;
        }
    }
    return removed;
}

/// Moves them to tmp, where a dead import's directory would be. None where an image does not tell its own.
unsigned set_unreferenced_layers_aside(const Store& store, const Mapping& mapping,
                                       std::vector<std::string>& damaged) {
    std::set<std::string> wanted;
    const std::vector<ImageRecord> images = list_images(store, &damaged);
    if (!damaged.empty()) {
        return 0;
    }
    for (const ImageRecord& record : images) {
        for (const ImageLayer& layer : record.layers) {
            wanted.emplace(hex_of(layer.digest));
        }
    }
    const UniqueFd tmp = store.open_directory(store.fd(), "tmp");
    timespec now{};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    unsigned moved = 0;
    for (const std::string& hex : entries_of(store.fd(), "layers")) {
        if (wanted.contains(hex)) {
            continue;
        }
        const std::string aside = mapping.key + "." + hex + "." + std::to_string(::getpid()) + "." +
                                  std::to_string(now.tv_sec) + "." + std::to_string(now.tv_nsec);
        check(::renameat(store.fd(), ("layers/" + hex).c_str(), tmp.get(), aside.c_str()), "move aside", hex);
        ++moved;
    }
    return moved;
}

/// A name's image, or one by the beginning of its id.
std::string find_image(const Store& store, const std::string& word) {
    const auto name = canonical_image_name(word);
    if (const auto id = name ? find_image_name(store, *name) : std::nullopt) {
        return *id;
    }
    constexpr std::size_t fewest_digits = 6;
    const std::string_view digits =
        word.starts_with("sha256:") ? std::string_view{word}.substr(7) : std::string_view{word};
    std::string found;
    for (const ImageRecord& record : list_images(store)) {
        if (digits.size() >= fewest_digits && hex_of(record.id).starts_with(digits)) {
            if (!found.empty()) {
                throw UsageError(printable(word), "several images have ids that begin so",
                                 "give more digits");
            }
            found = record.id;
        }
    }
    if (found.empty()) {
        const bool is_short = digits.size() < fewest_digits &&
                              digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
        throw UsageError(printable(word), "no stored image has this name",
                         is_short ? "sandbox images lists them; an id needs six digits or more"
                                  : "sandbox images lists them");
    }
    return found;
}

} // namespace

Collected collect(const Store& store, const Mapping& mapping, bool forget_files) {
    Collected result;
    {
        const UniqueFd lock = lock_store(store, LockKind::exclusive, false);
        result.import_runs = !lock.valid();
        if (lock.valid()) {
            if (forget_files) {
                forget_known_files(store, {});
            }
            result.images = remove_unreferenced_records(store);
            result.layers = set_unreferenced_layers_aside(store, mapping, result.damaged);
        }
    }
    const unsigned found = remove_all_dead_imports(store, mapping);
    result.imports = found > result.layers ? found - result.layers : 0;
    return result;
}

RemovedImage remove_image(const Store& store, const std::string& word, const Mapping& mapping) {
    const std::string id = find_image(store, word);
    const auto name = canonical_image_name(word);
    std::vector<std::string> names;
    bool by_name = false;
    for (const NamedImage& image : list_image_names(store)) {
        if (image.id == id) {
            names.push_back(image.name);
            by_name = by_name || image.name == name;
        }
    }
    if (by_name && names.size() > 1) {
        check(::unlinkat(store.fd(), ("names/" + file_of_image_name(*name)).c_str(), 0), "remove", *name);
        return {{*name}, {}, true};
    }
    {
        const std::string path = "images/" + std::string{hex_of(id)};
        if (::faccessat(store.fd(), path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
            !lock_record(store, path).valid()) {
            const std::string holders = lock_holders(store.fd(), path);
            throw UsageError(printable(word), "in use by " + holders, "end it first");
        }
    }
    // A sandbox that starts in this moment keeps the image until it ends; the collector sees its lock.
    for (const std::string& each : names) {
        check(::unlinkat(store.fd(), ("names/" + file_of_image_name(each)).c_str(), 0), "remove", each);
    }
    forget_known_files(store, id);
    const Collected collected = collect(store, mapping, false);
    return {names, id, !collected.import_runs && collected.damaged.empty()};
}

} // namespace sandbox
