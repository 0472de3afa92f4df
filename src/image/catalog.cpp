// SPDX-License-Identifier: Apache-2.0
// The store's index.
#include "image/catalog.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "image/names.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

struct CloseDir {
    void operator()(DIR* stream) const noexcept { (void)::closedir(stream); }
};

std::string record_path(std::string_view id) {
    return "images/" + std::string{hex_of(id)};
}

} // namespace

UniqueFd lock_store(const Store& store, LockKind kind, bool wait) {
    UniqueFd file{check(::openat(store.fd(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600),
                        "open the lock of", store.path())};
    const int operation = (kind == LockKind::shared ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB);
    int result = 0;
    do {
        result = ::flock(file.get(), operation);
    } while (result < 0 && errno == EINTR);
    if (result < 0 && errno == EWOULDBLOCK) {
        return UniqueFd{};
    }
    check(result, "lock", store.path());
    return file;
}

std::optional<UsedImage> use_image_if_exists(const Store& store, const std::string& id) {
    UniqueFd file{::openat(store.fd(), record_path(id).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!file.valid()) {
        if (errno == ENOENT) {
            return std::nullopt;
        }
        throw_errno(errno, "open", store.path() + "/" + record_path(id));
    }
    // Where a shared store's file system knows no locks, its owner must know who uses an image.
    if (::flock(file.get(), LOCK_SH) < 0 && !(errno == ENOLCK || errno == EOPNOTSUPP || errno == EINVAL)) {
        throw_errno(errno, "lock", record_path(id));
    }
    // Removed between the two calls it is no image any more, whoever holds its file.
    struct stat status {};
    check(::fstat(file.get(), &status), "look at", record_path(id));
    auto record = status.st_nlink > 0
                      ? parse_image_record(read_all(file.get(), record_path(id), max_image_record))
                      : std::nullopt;
    if (!record || record->id != id) {
        return std::nullopt;
    }
    return UsedImage{*std::move(record), std::move(file)};
}

std::optional<std::string> find_image_name(const Store& store, const std::string& name) {
    const auto text = read_file_if_exists(store.fd(), "names/" + file_of_image_name(name));
    const std::string id{trim(text.value_or(""))};
    return is_digest(id) ? std::optional{id} : std::nullopt;
}

std::vector<std::string> entries_of(int parent, const std::string& name) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd directory{::openat(parent, name.c_str(), flags)};
    if (!directory.valid() && errno == ENOENT) {
        return {};
    }
    // What cannot be read is not empty: the collector would take all that is named there for rubbish.
    check(directory.get(), "read the store's directory", printable(name));
    const std::unique_ptr<DIR, CloseDir> stream{::fdopendir(directory.get())};
    check(stream ? 0 : -1, "read the store's directory", printable(name));
    (void)directory.release(); // the stream owns it now
    std::vector<std::string> names;
    while (true) {
        errno = 0;
        const dirent* const entry = ::readdir(stream.get());
        if (entry == nullptr) {
            check(errno == 0 ? 0 : -1, "read the store's directory", printable(name));
            return names;
        }
        if (entry->d_name[0] != '.') {
            names.emplace_back(entry->d_name);
        }
    }
}

std::vector<NamedImage> list_image_names(const Store& store) {
    std::vector<NamedImage> result;
    for (const std::string& file : entries_of(store.fd(), "names")) {
        const auto name = image_name_of_file(file);
        const auto id = name ? find_image_name(store, *name) : std::nullopt;
        if (id) {
            result.push_back({*name, *id});
        }
    }
    std::sort(result.begin(), result.end(),
              [](const NamedImage& a, const NamedImage& b) { return a.name < b.name; });
    return result;
}

std::vector<ImageRecord> list_images(const Store& store, std::vector<std::string>* damaged) {
    std::vector<ImageRecord> result;
    for (const std::string& file : entries_of(store.fd(), "images")) {
        const auto text = read_file_if_exists(store.fd(), "images/" + file, max_image_record);
        auto record = text ? parse_image_record(*text) : std::nullopt;
        if (record && hex_of(record->id) == file) {
            result.push_back(*std::move(record));
        } else if (text && damaged != nullptr) {
            damaged->push_back(file);
        }
    }
    return result;
}

bool put_image_record(const Store& store, const ImageRecord& record) {
    // A record is never replaced: the locks of who uses the image are on its file.
    const UniqueFd images = store.open_directory(store.fd(), "images");
    const std::string name{hex_of(record.id)};
    const auto old = read_file_if_exists(images.get(), name, max_image_record);
    if (old && parse_image_record(*old)) {
        return false;
    }
    write_file_atomically(images.get(), name, format_image_record(record), store.file_mode());
    return true;
}

void put_image_name(const Store& store, const std::string& name, const std::string& id) {
    const UniqueFd names = store.open_directory(store.fd(), "names");
    const std::string file = file_of_image_name(name);
    write_file_atomically(names.get(), file, id + "\n", store.file_mode());
    const UniqueFd written{
        check(::openat(names.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "open", name)};
    check(::fsync(written.get()), "write to the disk", name);
    check(::fsync(names.get()), "write to the disk", name);
}

std::string tree_path(const std::string& digest, const std::string& map_key) {
    return "layers/" + std::string{hex_of(digest)} + "/" + map_key + "/root";
}

bool has_tree(const Store& store, const std::string& digest, const std::string& map_key) {
    const std::string path = tree_path(digest, map_key);
    if (store.is_the_callers()) {
        return ::faccessat(store.fd(), path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    }
    // A link on the way would make a directory of the caller's the image.
    return UniqueFd{sys::openat2(store.fd(), path.c_str(), O_PATH | O_DIRECTORY, 0,
                                 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)}
        .valid();
}

} // namespace sandbox
