// SPDX-License-Identifier: Apache-2.0
// The entries of a tar, one after the other, onto the disk.
#include "unpack/extract.hpp"

#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/unpack_report.hpp"
#include "unpack/archive_handle.hpp"
#include "unpack/entry_error.hpp"
#include "unpack/entry_path.hpp"
#include "unpack/limits.hpp"
#include "unpack/tree_writer.hpp"
#include "unpack/whiteouts.hpp"
#include "unpack/write_content.hpp"

namespace sandbox::unpack {

namespace {

/// Whether libarchive could go on without loss. Of its warnings the one about a name that is not UTF-8 is
/// such: the bytes are kept as they are. Others tell that it left something out, a name for instance.
bool is_usable(archive* reader, int result) {
    if (result != ARCHIVE_WARN) {
        return result == ARCHIVE_OK;
    }
    const char* const text = ::archive_error_string(reader);
    return text != nullptr && std::strstr(text, "can't be converted") != nullptr;
}

/// What every user of the host may have of it. Its set-id bits would be the store's owner's.
mode_t open_mode(mode_t mode, bool is_directory) {
    const bool runs = is_directory || (mode & 0111) != 0;
    return 0644 | (runs ? 0111U : 0U);
}

std::string octal(mode_t mode) {
    char text[8];
    (void)std::snprintf(text, sizeof text, "%o", mode);
    return text;
}

class Extractor {
  public:
    Extractor(TarStream& tar, TreeWriter& tree, const IdMaps& ids, Whiteouts* whiteouts)
        : tar_(tar),
          input_(tar),
          tree_(tree),
          ids_(ids),
          single_(ids.single()),
          whiteouts_(whiteouts),
          reader_(make_reader()) {}

    ExtractSummary run() {
        try {
            open();
            while (archive_entry* const entry = next_entry()) {
                extract_entry(entry);
            }
        } catch (const Error&) {
            tree_.settle(); // what failed there came earlier in the archive
            throw;
        }
        tree_.settle();
        expect_end_marker();
        tar_.drain();
        return summary_;
    }

  private:
    void open() {
        archive* const reader = reader_.get();
        (void)::archive_read_support_format_tar(reader); // fails only without memory, and then open() does
        if (input_.open(reader) != ARCHIVE_OK) {
            fail();
        }
    }

    archive_entry* next_entry() {
        last_path_ = std::exchange(path_, {}); // a failure now is not the last entry's
        archive_entry* entry = nullptr;
        const int result = ::archive_read_next_header(reader_.get(), &entry);
        if (result == ARCHIVE_EOF) {
            return nullptr;
        }
        if (!is_usable(reader_.get(), result)) {
            fail();
        }
        if (++summary_.entries > limits::entries) {
            throw UsageError({}, "the archive has more than " + std::to_string(limits::entries) + " entries");
        }
        return entry;
    }

    [[noreturn]] void fail() {
        input_.rethrow();
        if (summary_.entries == 0 && ::archive_errno(reader_.get()) != ENOMEM &&
            ::archive_format(reader_.get()) == 0) {
            throw UsageError({}, "not a tar archive in any compression known",
                             "IMAGE is a root file system's tar, a directory that holds one, or host");
        }
        throw_archive_error(reader_.get(), path_, last_path_);
    }

    /// libarchive takes the end of the file for the end of the archive. A file cut off just before a header
    /// would pass, so the end marker of zeros is demanded; what follows it is nobody's business.
    void expect_end_marker() {
        const bool all_used =
            static_cast<std::uint64_t>(::archive_filter_bytes(reader_.get(), 0)) == tar_.total();
        if (all_used && !tar_.ends_in_zeros()) {
            throw_ends_early({});
        }
    }

    void extract_entry(archive_entry* entry) {
        const char* const name = ::archive_entry_pathname(entry);
        if (name == nullptr) {
            throw UsageError({}, "the name of entry number " + std::to_string(summary_.entries) +
                                     " of the archive cannot be read");
        }
        path_ = clean_path(name, name, "name");
        if (path_.empty() && ::archive_entry_filetype(entry) != AE_IFDIR) {
            throw UsageError(shorten(name), "the archive's root entry is not a directory");
        }
        if (whiteouts_ != nullptr && whiteouts_->take(path_)) {
            return;
        }
        if (const char* const target = ::archive_entry_hardlink(entry)) {
            // Data that comes with a link (pax allows it) is not written: it would go to a file that another
            // entry made, CVE-2016-5418.
            tree_.make_hardlink(path_, clean_path(target, name, "hard-link target"));
            return;
        }
        switch (::archive_entry_filetype(entry)) {
            case AE_IFREG:
                if (is_small(entry)) {
                    tree_.make_small_file(path_, attributes_of(entry), read_content(entry));
                } else {
                    tree_.make_file(path_, attributes_of(entry), [&](int fd) { write_content(fd, entry); });
                }
                break;
            case AE_IFDIR:
                tree_.make_directory(path_, attributes_of(entry));
                break;
            case AE_IFLNK:
                tree_.make_symlink(path_, target_of(entry), attributes_of(entry));
                break;
            case AE_IFIFO:
                tree_.make_fifo(path_, attributes_of(entry));
                break;
            case AE_IFCHR:
            case AE_IFBLK:
                ++summary_.devices;
                break;
            default:
                throw UsageError(shorten(path_), "the archive's entry is of an unknown kind");
        }
    }

    std::string target_of(archive_entry* entry) const {
        const char* const target = ::archive_entry_symlink(entry);
        std::string text = target != nullptr ? target : "";
        if (text.empty() || text.size() > limits::path_bytes) {
            throw UsageError(shorten(path_), text.empty() ? "the symbolic link has no target"
                                                          : "the symbolic link's target is too long");
        }
        return text;
    }

    static bool is_small(archive_entry* entry) {
        return ::archive_entry_size(entry) <= static_cast<la_int64_t>(limits::small_file_bytes) &&
               ::archive_entry_sparse_count(entry) == 0;
    }

    SmallContent read_content(archive_entry* entry) {
        SmallContent content;
        content.size = static_cast<std::size_t>(::archive_entry_size(entry));
        content.bytes = std::make_shared_for_overwrite<char[]>(content.size);
        std::size_t end = 0;
        const void* data = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        int result = ARCHIVE_OK;
        while ((result = ::archive_read_data_block(reader_.get(), &data, &size, &offset)) != ARCHIVE_EOF) {
            if (!is_usable(reader_.get(), result)) {
                fail();
            }
            const auto begin = static_cast<std::size_t>(offset);
            if (begin < end || begin > content.size || size > content.size - begin) {
                throw UsageError(shorten(path_), "the archive has other bytes of it than it says");
            }
            std::memset(content.bytes.get() + end, 0, begin - end);
            std::memcpy(content.bytes.get() + begin, data, size);
            end = begin + size;
        }
        std::memset(content.bytes.get() + end, 0, content.size - end);
        return content;
    }

    void write_content(int fd, archive_entry* entry) {
        std::int64_t end = 0;
        while (true) {
            const void* data = nullptr;
            std::size_t size = 0;
            la_int64_t offset = 0;
            const int result = ::archive_read_data_block(reader_.get(), &data, &size, &offset);
            if (result == ARCHIVE_EOF) {
                break;
            }
            if (!is_usable(reader_.get(), result)) {
                fail();
            }
            const std::string_view bytes{static_cast<const char*>(data), size};
            if (size < limits::hole_bytes || !is_zeros(bytes)) {
                write_at(fd, bytes, offset, path_);
                end = std::max(end, offset + static_cast<std::int64_t>(size));
            }
        }
        // A hole at the end has no block.
        if (::archive_entry_size(entry) != end) {
            check_entry(::ftruncate(fd, ::archive_entry_size(entry)), "set its size", path_);
        }
    }

    Attributes attributes_of(archive_entry* entry) const {
        const std::int64_t owner = ::archive_entry_uid(entry);
        const std::int64_t group = ::archive_entry_gid(entry);
        Attributes result;
        result.mode = ::archive_entry_perm(entry) & 07777;
        if (single_) {
            const mode_t kept = kept_mode(entry, result.mode);
            if (owner != 0 || group != 0 || (ids_.for_everyone && kept != result.mode)) {
                result.extended.emplace_back(
                    owner_attribute,
                    std::to_string(owner) + ':' + std::to_string(group) + ':' + octal(result.mode));
            }
            result.mode = kept;
        } else {
            result.owner = static_cast<uid_t>(mapped(ids_.users, owner, "owner"));
            result.group = static_cast<gid_t>(mapped(ids_.groups, group, "group"));
        }
        result.modified.tv_sec = ::archive_entry_mtime(entry);
        // Beyond these bounds utimensat(2) has other meanings (UTIME_NOW) or fails.
        result.modified.tv_nsec = std::clamp(::archive_entry_mtime_nsec(entry), 0L, 999'999'999L);
        add_extended(entry, result);
        return result;
    }

    /// The mode on the disk where one id is mapped.
    mode_t kept_mode(archive_entry* entry, mode_t mode) const {
        if (ids_.for_everyone) {
            return open_mode(mode, ::archive_entry_filetype(entry) == AE_IFDIR);
        }
        return mode & ~static_cast<mode_t>((::archive_entry_uid(entry) != 0 ? S_ISUID : 0) |
                                           (::archive_entry_gid(entry) != 0 ? S_ISGID : 0));
    }

    std::int64_t mapped(const IdMap& map, std::int64_t id, std::string_view kind) const {
        if (!map.contains(id)) {
            throw UsageError(
                shorten(path_),
                std::string{kind} + ' ' + std::to_string(id) + " is outside the sandbox's id range",
                "give yourself a longer range in /etc/subuid and /etc/subgid, or drop all owners "
                "with --userns single");
        }
        return id;
    }

    void add_extended(archive_entry* entry, Attributes& result) const {
        const auto kind = ::archive_entry_filetype(entry);
        if (kind != AE_IFREG && kind != AE_IFDIR) {
            return; // user.* exists on these two only. xattr(7), "Extended user attributes"
        }
        (void)::archive_entry_xattr_reset(entry);
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        while (::archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
            if (name == nullptr || !keeps_attribute(name)) {
                continue;
            }
            if (ids_.for_everyone && !std::string_view{name}.starts_with("user.")) {
                continue; // capabilities and ACLs would count for the host's users
            }
            if (size > limits::attribute_bytes) {
                throw UsageError(shorten(path_), "the extended attribute " + shorten(name) + " is too large");
            }
            result.extended.emplace_back(name, std::string(static_cast<const char*>(value), size));
        }
    }

    TarStream& tar_;
    ArchiveInput input_;
    TreeWriter& tree_;
    const IdMaps& ids_;
    bool single_ = false;
    Whiteouts* whiteouts_;
    ArchiveReader reader_; ///< after input_, which it reads from to its end
    ExtractSummary summary_;
    std::string path_;      ///< the entry at hand, cleaned; empty while the next one's header is read
    std::string last_path_; ///< the one before it
};

} // namespace

ExtractSummary extract(TarStream& tar, TreeWriter& tree, const IdMaps& ids, Whiteouts* whiteouts) {
    const ExtractSummary summary = Extractor{tar, tree, ids, whiteouts}.run();
    tree.finish();
    return summary;
}

} // namespace sandbox::unpack
