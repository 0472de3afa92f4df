// SPDX-License-Identifier: Apache-2.0
// From whatever the user has to layers.
#include "unpack/import.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/image_record.hpp"
#include "base/text.hpp"
#include "linux/tree.hpp"
#include "unpack/blob_source.hpp"
#include "unpack/blobs.hpp"
#include "unpack/extract.hpp"
#include "unpack/first_names.hpp"
#include "unpack/layers.hpp"
#include "unpack/limits.hpp"
#include "unpack/manifest.hpp"
#include "unpack/root_check.hpp"
#include "unpack/tree_writer.hpp"

namespace sandbox::unpack {

namespace {

UniqueFd duplicate(int fd) {
    return UniqueFd{check(::fcntl(fd, F_DUPFD_CLOEXEC, 0), "duplicate", "a descriptor")};
}

ImageReader::KnownLayers known_layers(int root) {
    constexpr std::size_t limit = std::size_t{16} << 20;
    const std::string text = read_file_if_exists(root, "known", limit).value_or("");
    ImageReader::KnownLayers known;
    for (const std::string_view line : split(text, '\n')) {
        const auto fields = split(line, ' ');
        if (fields.size() == 2) {
            known.emplace(fields[0], parse_number(fields[1]).value_or(0));
        }
    }
    return known;
}

/// What a file begins with, without moving in it.
bool file_may_name_an_image(int file) {
    std::vector<std::byte> start(limits::block_bytes);
    const ssize_t got = ::pread(file, start.data(), start.size(), ::lseek(file, 0, SEEK_CUR));
    return got > 0 && may_name_an_image({start.data(), static_cast<std::size_t>(got)});
}

void write_record(int root, const ImageRecord& record) {
    const std::string bytes = format_image_record(record);
    if (bytes.size() > max_image_record) {
        throw UsageError({},
                         "the image's config is larger than " + std::to_string(max_image_record) + " bytes");
    }
    const UniqueFd file{
        check(::openat(root, "image", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644), "create",
              "the image's record")};
    write_all(file.get(), bytes, "the image's record");
}

class Importer {
  public:
    Importer(int root, Sha256& hash, const Surroundings& surroundings, Report& report)
        : root_(root), hash_(hash), surroundings_(surroundings), report_(report) {}

    UnpackDone import(int input) {
        struct stat status {};
        check(::fstat(input, &status), "look at", "the archive");
        if (S_ISDIR(status.st_mode)) {
            DirectoryBlobs blobs{duplicate(input)};
            return import_layers(blobs);
        }
        FileSource file{input, [this](std::uint64_t total) { report_.progress(total); }};
        const bool is_looked_into = S_ISREG(status.st_mode) && file_may_name_an_image(input);
        if (is_looked_into) {
            TarBlobs blobs{input};
            if (ImageReader::is_image(blobs)) {
                return import_layers(blobs);
            }
        }
        const std::unique_ptr<ByteSource> bytes = open_decompressed(file);
        PeekSource peeked{*bytes};
        const std::span<const std::byte> start = peeked.peek(); // before the stream's thread reads on
        const bool is_image = is_looked_into ? names_an_image(start) : may_name_an_image(start);
        TarStream tar{peeked, hash_};
        return is_image ? import_spooled(tar) : import_root(tar);
    }

  private:
    UnpackDone import_layers(Blobs& blobs) {
        ImageReader reader{blobs, root_, surroundings_.ids, known_layers(root_), [this](std::size_t bytes) {
                               read_ += bytes;
                               report_.progress(read_);
                           }};
        const ImageRecord record = reader.read(platform_of(surroundings_.machine));
        write_record(root_, record);
        return {record.id, reader.summary().entries, reader.summary().devices, read_};
    }

    /// Through a pipe, or compressed as a whole: its files are needed in another order than they come in.
    UnpackDone import_spooled(TarStream& tar) {
        constexpr const char* spool = "spool";
        check(::mkdirat(root_, spool, 0700), "make a directory for", spool);
        UniqueFd directory{check(::openat(root_, spool, O_PATH | O_DIRECTORY | O_CLOEXEC), "open", spool)};
        TreeWriter tree{duplicate(directory.get()), false};
        // The owners of these files say nothing, so no map need have them.
        (void)extract(tar, tree, IdMaps{}, nullptr);
        DirectoryBlobs blobs{std::move(directory)};
        if (!ImageReader::is_image(blobs)) {
            throw UsageError({},
                             "looks like an image's archive, but has neither manifest.json nor index.json");
        }
        UnpackDone done = import_layers(blobs);
        remove_tree(root_, spool);
        return done;
    }

    UnpackDone import_root(TarStream& tar) {
        constexpr const char* unnamed = "new";
        const UniqueFd tree_root = make_layer_root(root_, unnamed);
        TreeWriter tree{duplicate(tree_root.get()), !surroundings_.ids.single()};
        const ExtractSummary summary = extract(tar, tree, surroundings_.ids, nullptr);
        check_root_filesystem(tree_root.get());
        ImageRecord record;
        record.id = hash_.finish();
        record.layers = {{record.id, tar.total()}};
        check(::renameat(root_, unnamed, root_, std::string{hex_of(record.id)}.c_str()), "name", "the tree");
        write_record(root_, record);
        return {record.id, summary.entries, summary.devices, tar.total()};
    }

    int root_;
    Sha256& hash_;
    const Surroundings& surroundings_;
    Report& report_;
    std::uint64_t read_ = 0;
};

} // namespace

UnpackDone import_image(int input, Sha256& hash, const Surroundings& surroundings, Report& report) {
    const UniqueFd root{check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/")};
    return Importer{root.get(), hash, surroundings, report}.import(input);
}

} // namespace sandbox::unpack
