// SPDX-License-Identifier: Apache-2.0
// Which image a file is.
#include "image/known_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/image_record.hpp"
#include "base/text.hpp"
#include "image/catalog.hpp"

namespace sandbox {

namespace {

constexpr std::string_view lock_ending = ".lock";

std::string nanoseconds(const timespec& time) {
    return std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
}

std::optional<KnownFile> parse_entry(std::string_view text) {
    const auto fields = split(trim(text), ' ');
    if (fields.size() < 2 || fields.size() > 3 || !is_digest(fields[0])) {
        return std::nullopt;
    }
    const auto time = parse_signed(fields[1]);
    return time ? std::optional{KnownFile{std::string{fields[0]}, *time,
                                          std::string{fields.size() == 3 ? fields[2] : std::string_view{}}}}
                : std::nullopt;
}

std::optional<KnownFile> read_entry(const Store& store, const std::string& key) {
    const auto text = read_file_if_exists(store.fd(), "tars/" + key);
    auto entry = text ? parse_entry(*text) : std::nullopt;
    const bool stale = entry && !entry->boot.empty() && entry->boot != boot_id();
    return stale ? std::nullopt : entry;
}

} // namespace

std::string boot_id() {
    return std::string{
        trim(read_file_if_exists(AT_FDCWD, "/proc/sys/kernel/random/boot_id").value_or("unknown"))};
}

std::string known_file_key(const struct stat& status) {
    return std::to_string(status.st_dev) + "-" + std::to_string(status.st_ino) + "-" +
           std::to_string(status.st_size) + "-" + nanoseconds(status.st_mtim) + "-" +
           nanoseconds(status.st_ctim);
}

std::optional<KnownFile> find_known_file(const Store& store, const std::string& key,
                                         const struct stat& status) {
    // A file written within the clock's grain of its import may have changed since without showing it.
    constexpr std::int64_t racy_seconds = 2;
    auto entry = read_entry(store, key);
    return entry && entry->imported_at - status.st_ctim.tv_sec >= racy_seconds ? entry : std::nullopt;
}

std::optional<KnownFile> find_known_file_of_key(const Store& store, const std::string& key) {
    return read_entry(store, key);
}

std::string new_image_key(const std::string& id) {
    return "new-" + std::string{hex_of(id)};
}

void put_known_file(const Store& store, const std::string& key, const KnownFile& file) {
    const UniqueFd tars = store.open_directory(store.fd(), "tars");
    write_file_atomically(
        tars.get(), key,
        file.id + " " + std::to_string(file.imported_at) + (file.boot.empty() ? "" : " " + file.boot) + "\n");
}

std::vector<KnownFileEntry> list_known_files(const Store& store) {
    std::vector<KnownFileEntry> result;
    for (const std::string& key : entries_of(store.fd(), "tars")) {
        if (auto entry = key.ends_with(lock_ending) ? std::nullopt : read_entry(store, key)) {
            result.push_back({key, *std::move(entry)});
        }
    }
    return result;
}

bool drop_stale_files(const Store& store) {
    bool dropped = false;
    for (const std::string& key : entries_of(store.fd(), "tars")) {
        if (!key.ends_with(lock_ending) && !read_entry(store, key)) {
            dropped = ::unlinkat(store.fd(), ("tars/" + key).c_str(), 0) == 0 || dropped;
        }
    }
    return dropped;
}

} // namespace sandbox
