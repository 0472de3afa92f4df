// SPDX-License-Identifier: Apache-2.0
// Walks the layers as an overlay would show them.
#include "unpack/export.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "unpack/entry_path.hpp"
#include "unpack/file_attributes.hpp"
#include "unpack/limits.hpp"
#include "unpack/tar_writer.hpp"

namespace sandbox::unpack {

namespace {

struct CloseDir {
    void operator()(DIR* stream) const noexcept { (void)::closedir(stream); }
};

/// One name of a merged directory.
struct Node {
    struct stat status {};
    std::vector<std::size_t>
        providers;         ///< which of the directory's layers have it; one, unless all are directories
    bool complete = false; ///< what lies lower does not show
};

/// A directory in each layer that has it, uppermost first.
using Layers = std::vector<UniqueFd>;

class Exporter {
  public:
    explicit Exporter(int fd) : tar_(fd), buffer_(limits::block_bytes) {}

    ExportSummary run(std::span<const int> layers) {
        Layers roots;
        for (const int layer : layers) {
            roots.emplace_back(check(::openat(layer, ".", directory_flags), "open", "a layer"));
        }
        struct stat status {};
        check(::fstat(roots.front().get(), &status), "look at", "/");
        write_directory("./", status, roots);
        walk(roots, {}, 1);
        tar_.finish();
        return {tar_.digest(), entries_, tar_.total()};
    }

  private:
    static constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

    /// @param prefix "" or "a/b/"
    void walk(const Layers& layers, const std::string& prefix, std::size_t depth) {
        if (depth > limits::depth) {
            throw UsageError(shorten(prefix),
                             "is deeper than " + std::to_string(limits::depth) + " directories");
        }
        for (const auto& [name, node] : merge(layers, prefix)) {
            if (node.providers.empty()) {
                continue;
            }
            const std::string path = prefix + name;
            if (!S_ISDIR(node.status.st_mode)) {
                write_leaf(layers[node.providers.front()].get(), name, path, node.status);
                continue;
            }
            const Layers below = open_all(layers, node, name, path);
            write_directory(path + "/", node.status, below);
            walk(below, path + "/", depth + 1);
        }
    }

    static Layers open_all(const Layers& layers, const Node& node, const std::string& name,
                           const std::string& path) {
        Layers below;
        for (const std::size_t layer : node.providers) {
            below.emplace_back(
                check(::openat(layers[layer].get(), name.c_str(), directory_flags), "open", shorten(path)));
            if (is_opaque(below.back().get())) {
                break;
            }
        }
        return below;
    }

    static std::map<std::string, Node> merge(const Layers& layers, const std::string& prefix) {
        std::map<std::string, Node> nodes;
        for (std::size_t layer = 0; layer < layers.size(); ++layer) {
            UniqueFd own{check(::openat(layers[layer].get(), ".", directory_flags), "read", shorten(prefix))};
            const std::unique_ptr<DIR, CloseDir> stream{::fdopendir(own.get())};
            if (!stream) {
                throw_errno(errno, "read", shorten(prefix));
            }
            const int at = own.release(); // the stream's now
            errno = 0;
            while (const dirent* entry = ::readdir(stream.get())) {
                const std::string name = entry->d_name;
                if (name != "." && name != "..") {
                    add(nodes[name], at, name, prefix, layer);
                }
                errno = 0;
            }
            check(errno == 0 ? 0 : -1, "read", shorten(prefix));
        }
        return nodes;
    }

    static void add(Node& node, int directory, const std::string& name, const std::string& prefix,
                    std::size_t layer) {
        if (node.complete) {
            return;
        }
        struct stat status {};
        check(::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "look at",
              shorten(prefix + name));
        const bool is_directory = S_ISDIR(status.st_mode);
        // A file below a directory of the same name hides what lies lower, and is hidden itself.
        if (is_whiteout(directory, name, status) || (!node.providers.empty() && !is_directory)) {
            node.complete = true;
            return;
        }
        if (node.providers.empty()) {
            node.status = status;
            node.complete = !is_directory;
        }
        node.providers.push_back(layer);
    }

    void write_directory(const std::string& path, const struct stat& status, const Layers& layers) {
        TarEntry entry = entry_of(path, status, '5');
        add_attributes(layers.front().get(), entry);
        tar_.header(entry);
    }

    TarEntry entry_of(const std::string& path, const struct stat& status, char type) {
        if (path.size() > limits::path_bytes) {
            throw UsageError(shorten(path),
                             "is longer than " + std::to_string(limits::path_bytes) + " bytes");
        }
        ++entries_;
        TarEntry entry;
        entry.path = path;
        entry.type = type;
        entry.mode = status.st_mode & 07777;
        entry.owner = status.st_uid;
        entry.group = status.st_gid;
        entry.modified = status.st_mtim;
        return entry;
    }

    /// Whether the inode has been written under another name: then as a hard link to it.
    bool write_as_link(const std::string& path, const struct stat& status) {
        if (status.st_nlink < 2) {
            return false;
        }
        const auto [first, is_new] = first_names_.try_emplace({status.st_dev, status.st_ino}, path);
        if (is_new) {
            return false;
        }
        TarEntry entry = entry_of(path, status, '1');
        entry.link = first->second;
        tar_.header(entry);
        return true;
    }

    void write_leaf(int directory, const std::string& name, const std::string& path,
                    const struct stat& status) {
        if (S_ISSOCK(status.st_mode) || write_as_link(path, status)) {
            return; // a socket without its listener is nothing
        }
        switch (status.st_mode & S_IFMT) {
            case S_IFREG:
                write_file(directory, name, path);
                break;
            case S_IFLNK: {
                TarEntry entry = entry_of(path, status, '2');
                entry.link = target_of(directory, name, path);
                tar_.header(entry);
                break;
            }
            default: {
                TarEntry entry = entry_of(path, status,
                                          S_ISFIFO(status.st_mode)  ? '6'
                                          : S_ISCHR(status.st_mode) ? '3'
                                                                    : '4');
                entry.major = S_ISFIFO(status.st_mode) ? 0 : major(status.st_rdev);
                entry.minor = S_ISFIFO(status.st_mode) ? 0 : minor(status.st_rdev);
                tar_.header(entry);
            }
        }
    }

    static std::string target_of(int directory, const std::string& name, const std::string& path) {
        std::string target(limits::path_bytes + 1, '\0');
        target.resize(static_cast<std::size_t>(
            check(::readlinkat(directory, name.c_str(), target.data(), target.size()), "read the link",
                  shorten(path))));
        return target;
    }

    void write_file(int directory, const std::string& name, const std::string& path) {
        // O_NONBLOCK: in a directory that is used live a FIFO may have taken its place since.
        const UniqueFd file{check(
            ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
            "open", shorten(path))};
        struct stat status {};
        check(::fstat(file.get(), &status), "look at", shorten(path));
        TarEntry entry = entry_of(path, status, '0');
        entry.size = static_cast<std::uint64_t>(status.st_size);
        add_attributes(file.get(), entry);
        if (const auto ranges = find_holes(file.get(), status)) {
            entry.sparse = true;
            entry.data = *ranges;
        }
        tar_.header(entry);
        if (!entry.sparse) {
            copy(file.get(), {0, entry.size}, path);
        }
        for (const DataRange& range : entry.data) {
            copy(file.get(), range, path);
        }
        tar_.end_of_data();
    }

    /// Where the data lies in a file that has holes; nothing for one that has none.
    static std::optional<std::vector<DataRange>> find_holes(int fd, const struct stat& status) {
        constexpr blkcnt_t unit = 512; // of st_blocks, stat(3type)
        if (status.st_size == 0 || status.st_blocks >= status.st_size / unit) {
            return std::nullopt;
        }
        std::vector<DataRange> ranges;
        off_t at = 0;
        while (at < status.st_size && ranges.size() < limits::sparse_ranges) {
            const off_t data = ::lseek(fd, at, SEEK_DATA);
            if (data < 0 || data >= status.st_size) { // ENXIO: a hole to the end. Else: not known here
                if (data < 0 && errno != ENXIO) {
                    return std::nullopt;
                }
                break;
            }
            at = std::min(::lseek(fd, data, SEEK_HOLE), status.st_size);
            if (at <= data || ranges.size() + 1 == limits::sparse_ranges) {
                at = status.st_size;
            }
            ranges.push_back({static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(at - data)});
        }
        const bool whole = ranges.size() == 1 && ranges.front().offset == 0 &&
                           ranges.front().size == static_cast<std::uint64_t>(status.st_size);
        if (whole) {
            return std::nullopt;
        }
        if (at < status.st_size) { // a hole to the end: readers take the length from where the map ends
            ranges.push_back({static_cast<std::uint64_t>(status.st_size), 0});
        }
        return ranges;
    }

    void copy(int fd, DataRange range, const std::string& path) {
        while (range.size > 0) {
            const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(range.size, buffer_.size()));
            const ssize_t got = ::pread(fd, buffer_.data(), wanted, static_cast<off_t>(range.offset));
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (check(got, "read", shorten(path)) == 0) {
                throw Error(shorten(path), "became shorter while it was read");
            }
            tar_.data({buffer_.data(), static_cast<std::size_t>(got)});
            range.offset += static_cast<std::uint64_t>(got);
            range.size -= static_cast<std::uint64_t>(got);
        }
    }

    TarWriter tar_;
    std::vector<std::byte> buffer_;
    std::map<std::pair<dev_t, ino_t>, std::string> first_names_;
    std::uint64_t entries_ = 0;
};

} // namespace

ExportSummary export_layers(std::span<const int> layers, int fd) {
    return Exporter{fd}.run(layers);
}

} // namespace sandbox::unpack
