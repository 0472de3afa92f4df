// SPDX-License-Identifier: Apache-2.0
// The files of an image's archive by name.
#include "unpack/blobs.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/error.hpp"
#include "linux/syscalls.hpp"
#include "unpack/archive_handle.hpp"
#include "unpack/entry_path.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

namespace {

/// An image has some layers and a few JSON files.
constexpr std::size_t most_files = 20'000;

UniqueFd duplicate(int fd) {
    return UniqueFd{check(::fcntl(fd, F_DUPFD_CLOEXEC, 0), "duplicate", "a descriptor")};
}

/// What archive_read_open2(3) is given: a file that skips by seeking.
struct Walk {
    int file;
    std::int64_t position = 0;
    std::int64_t size = 0;
    std::array<char, 16384> buffer{};

    static la_ssize_t read(archive* reader, void* self, const void** block) noexcept {
        auto& walk = *static_cast<Walk*>(self);
        ssize_t got = -1;
        do {
            got = ::pread(walk.file, walk.buffer.data(), walk.buffer.size(), walk.position);
        } while (got < 0 && errno == EINTR);
        if (got < 0) {
            ::archive_set_error(reader, errno, "cannot read the archive");
            return -1;
        }
        walk.position += got;
        *block = walk.buffer.data();
        return got;
    }

    /// Beyond the end nothing is skipped: then the reader finds that the archive ends early.
    static la_int64_t skip(archive*, void* self, la_int64_t wanted) noexcept {
        auto& walk = *static_cast<Walk*>(self);
        const std::int64_t step = std::min<std::int64_t>(wanted, walk.size - walk.position);
        if (step <= 0) {
            return 0;
        }
        walk.position += step;
        return step;
    }
};

/// A link's target by the rules of links: a hard link's from the root, a symbolic one's from its directory.
/// Empty where it leads out.
std::string link_target(const std::string& path, const char* hard, const char* symbolic) {
    if (hard != nullptr) {
        return clean_path(hard, path, "hard-link target");
    }
    const std::string_view target = symbolic != nullptr ? symbolic : "";
    if (target.starts_with('/')) {
        return {};
    }
    std::string base{split_path(path).parent};
    std::string_view rest = target;
    while (rest.starts_with("../")) {
        if (base.empty()) {
            return {};
        }
        base = std::string{split_path(base).parent};
        rest.remove_prefix(3);
    }
    return rest.empty() ? std::string{} : clean_path(base + "/" + std::string{rest}, path, "link target");
}

} // namespace

Blob Blobs::open(const std::string& name) {
    auto blob = open_if_exists(name);
    if (!blob) {
        throw UsageError(shorten(name), "is missing in the archive",
                         "make it again, with all of its layers: docker save, podman save or skopeo copy");
    }
    return *std::move(blob);
}

std::optional<std::string> Blobs::read_if_exists(const std::string& name, std::size_t limit) {
    auto blob = open_if_exists(name);
    if (!blob) {
        return std::nullopt;
    }
    if (blob->size > limit) {
        throw UsageError(shorten(name), "is larger than " + std::to_string(limit) + " bytes: no manifest is");
    }
    SliceSource source{std::move(blob->file), blob->offset, blob->size};
    std::string text;
    for (auto bytes = source.next(); !bytes.empty(); bytes = source.next()) {
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return text;
}

std::string Blobs::read(const std::string& name, std::size_t limit) {
    auto text = read_if_exists(name, limit);
    if (!text) {
        (void)open(name); // says that it is missing
    }
    return text.value_or("");
}

std::optional<Blob> DirectoryBlobs::open_if_exists(const std::string& name) {
    // O_NONBLOCK: a FIFO in a file's place must not hold us up.
    UniqueFd file{sys::openat2(directory_.get(), name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
                               RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)};
    if (!file.valid()) {
        if (errno == ENOENT || errno == ENOTDIR || errno == EXDEV || errno == ELOOP ||
            errno == ENAMETOOLONG) {
            return std::nullopt;
        }
        throw_errno(errno, "open", shorten(name));
    }
    struct stat status {};
    check(::fstat(file.get(), &status), "look at", shorten(name));
    if (!S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    return Blob{std::move(file), 0, static_cast<std::uint64_t>(status.st_size)};
}

TarBlobs::TarBlobs(int file) : file_(file) {
    struct stat status {};
    check(::fstat(file, &status), "look at", "the archive");
    Walk walk{file, 0, status.st_size, {}};
    const ArchiveReader reader = make_reader();
    (void)::archive_read_support_format_tar(reader.get()); // fails only without memory, and then open does
    if (::archive_read_open2(reader.get(), &walk, nullptr, &Walk::read, &Walk::skip, nullptr) != ARCHIVE_OK) {
        throw_archive_error(reader.get(), {});
    }
    std::size_t entries = 0;
    while (true) {
        archive_entry* entry = nullptr;
        const int result = ::archive_read_next_header(reader.get(), &entry);
        if (result == ARCHIVE_EOF) {
            return;
        }
        const char* const name = entry != nullptr ? ::archive_entry_pathname(entry) : nullptr;
        if ((result != ARCHIVE_OK && result != ARCHIVE_WARN) || name == nullptr) {
            throw_archive_error(reader.get(), {});
        }
        if (++entries > most_files) {
            throw UsageError(
                {}, "the archive has more than " + std::to_string(most_files) + " files: no image's does");
        }
        const std::string path = clean_path(name, name, "name");
        const char* const hard = ::archive_entry_hardlink(entry);
        if (hard != nullptr || ::archive_entry_filetype(entry) == AE_IFLNK) {
            places_[path] = {0, 0, link_target(path, hard, ::archive_entry_symlink(entry))};
        } else if (::archive_entry_filetype(entry) == AE_IFREG) {
            // The header has been taken, the data not: this is where they begin. What is read from a wrong
            // place (a sparse file) has a wrong digest.
            places_[path] = {static_cast<std::uint64_t>(::archive_filter_bytes(reader.get(), 0)),
                             static_cast<std::uint64_t>(::archive_entry_size(entry)),
                             {}};
        }
    }
}

std::optional<Blob> TarBlobs::open_if_exists(const std::string& name) {
    std::string path = clean_path(name, name, "name");
    constexpr int most_links = 8;
    for (int step = 0; step <= most_links; ++step) {
        const auto found = places_.find(path);
        if (found == places_.end()) {
            return std::nullopt;
        }
        if (found->second.link.empty()) {
            return Blob{duplicate(file_), found->second.offset, found->second.size};
        }
        path = found->second.link;
    }
    return std::nullopt;
}

} // namespace sandbox::unpack
