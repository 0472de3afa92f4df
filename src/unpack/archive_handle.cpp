// SPDX-License-Identifier: Apache-2.0
// libarchive's readers: input and errors.
#include "unpack/archive_handle.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "unpack/entry_path.hpp"

namespace sandbox::unpack {

ArchiveReader make_reader() {
    ArchiveReader reader{::archive_read_new()};
    if (!reader) {
        throw std::bad_alloc{};
    }
    return reader;
}

int ArchiveInput::open(archive* reader) {
    return ::archive_read_open(reader, this, nullptr, &ArchiveInput::read, nullptr);
}

void ArchiveInput::rethrow() {
    if (failure_) {
        std::rethrow_exception(std::exchange(failure_, nullptr));
    }
}

la_ssize_t ArchiveInput::read(archive* reader, void* self, const void** block) noexcept {
    auto& input = *static_cast<ArchiveInput*>(self);
    try {
        const std::span<const std::byte> bytes = input.source_.next();
        *block = bytes.data();
        return static_cast<la_ssize_t>(bytes.size());
    } catch (...) {
        input.failure_ = std::current_exception();
        ::archive_set_error(reader, EIO, "the source failed");
        return -1;
    }
}

void throw_archive_error(archive* reader, std::string_view entry, std::string_view last) {
    if (::archive_errno(reader) == ENOMEM) {
        throw std::bad_alloc{};
    }
    const char* const text = ::archive_error_string(reader);
    // libarchive has no code of its own for this; each of its readers says it in its own words (the second is
    // xz's).
    if (text != nullptr && (::strcasestr(text, "truncated") != nullptr ||
                            ::strcasestr(text, "no progress is possible") != nullptr)) {
        throw_ends_early(entry);
    }
    std::string detail = text != nullptr ? text : "";
    if (entry.empty() && !last.empty()) {
        detail += (detail.empty() ? "after " : ", after ") + shorten(last);
    }
    throw_damaged(detail, entry);
}

void throw_ends_early(std::string_view entry) {
    throw UsageError(shorten(entry), "the archive ends early: it is truncated",
                     "fetch it again, and compare its size or checksum");
}

void throw_damaged(std::string_view detail, std::string_view entry) {
    std::string reason = "the archive is damaged";
    if (!detail.empty()) {
        reason += " (";
        reason += printable(shorten(detail));
        reason += ')';
    }
    throw UsageError(shorten(entry), reason,
                     "compare its checksum with the one published, and fetch it again");
}

} // namespace sandbox::unpack
