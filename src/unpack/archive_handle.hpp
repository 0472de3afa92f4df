// SPDX-License-Identifier: Apache-2.0
// What every use of libarchive here shares: ownership of a reader, input from a ByteSource, errors in words.
#pragma once

#include <archive.h>

#include <exception>
#include <memory>
#include <string_view>

#include "unpack/source.hpp"

namespace sandbox::unpack {

struct FreeReader {
    void operator()(archive* reader) const noexcept { (void)::archive_read_free(reader); }
};
using ArchiveReader = std::unique_ptr<archive, FreeReader>;

/// archive_read_new(3), or std::bad_alloc.
ArchiveReader make_reader();

/// Feeds a reader from a source. An exception must not pass through libarchive's C frames: it is kept here,
/// the reader fails, and rethrow() throws it on the other side.
class ArchiveInput {
  public:
    explicit ArchiveInput(ByteSource& source) noexcept : source_(source) {}
    ArchiveInput(const ArchiveInput&) = delete;
    ArchiveInput& operator=(const ArchiveInput&) = delete;

    /// archive_read_open(3) with this as input, which must outlive the reader. @return its result
    int open(archive* reader);

    /// Throws what the source threw; call it first when the reader has failed.
    void rethrow();

  private:
    static la_ssize_t read(archive* reader, void* self, const void** block) noexcept;

    ByteSource& source_;
    std::exception_ptr failure_;
};

/// Throws what libarchive has to say as UsageError: that the archive ends early, or that it is damaged.
/// @param entry the entry at fault, or empty
/// @param last where there is no entry at fault: the last one that was good, or empty
[[noreturn]] void throw_archive_error(archive* reader, std::string_view entry, std::string_view last = {});

/// The one message for a file that ends before its content does.
[[noreturn]] void throw_ends_early(std::string_view entry);

/// The one message for content that is not what was written. @param detail may be empty
[[noreturn]] void throw_damaged(std::string_view detail, std::string_view entry);

} // namespace sandbox::unpack
