// SPDX-License-Identifier: Apache-2.0
// Records in this machine's byte order, as the format allows.
#include "net/capture.hpp"

#include <time.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "net/tap.hpp"

namespace sandbox::net {

namespace {

struct FileHeader {
    std::uint32_t magic = 0xa1b23c4d; ///< nanoseconds
    std::uint16_t major = 2;
    std::uint16_t minor = 4;
    std::uint32_t reserved[2] = {};
    std::uint32_t snap_length = 1U << 18; ///< what readers take at most; no frame is that long
    std::uint32_t link_type = 1;          ///< LINKTYPE_ETHERNET
};
static_assert(sizeof(FileHeader) == 24);

struct RecordHeader {
    std::uint32_t seconds;
    std::uint32_t nanoseconds;
    std::uint32_t captured;
    std::uint32_t length;
};
static_assert(sizeof(RecordHeader) == 16);

/// Larger than any record, so that one always fits into an empty buffer.
constexpr std::size_t buffer_size = 256 * 1024;
static_assert(buffer_size > sizeof(RecordHeader) + max_frame);

template <typename T>
std::span<const std::byte> bytes_of(const T& value) noexcept {
    return std::as_bytes(std::span{&value, 1});
}

/// How many of the first `end` bytes are records that end there or before.
std::size_t whole_records(std::span<const std::byte> records, std::size_t end) noexcept {
    std::size_t at = 0;
    while (true) {
        RecordHeader header{};
        if (at + sizeof header > end) {
            return at;
        }
        std::memcpy(&header, records.data() + at, sizeof header);
        const std::size_t next = at + sizeof header + header.captured;
        if (next > end) {
            return at;
        }
        at = next;
    }
}

} // namespace

Capture::Capture(UniqueFd file) : file_(std::move(file)) {
    const FileHeader header;
    buffer_.reserve(buffer_size);
    try {
        write_all(file_.get(), {reinterpret_cast<const char*>(&header), sizeof header}, "--pcap");
    } catch (const SystemError& error) {
        end(error.code());
    }
    written_ = sizeof header;
}

Capture::~Capture() {
    flush();
}

void Capture::end(int code) {
    failure_ = error_text(code);
    file_.reset();
}

void Capture::add(std::span<const std::byte> frame) noexcept {
    if (!file_.valid()) {
        return;
    }
    if (buffer_.size() + sizeof(RecordHeader) + frame.size() > buffer_size) {
        flush();
    }
    timespec now{};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    const auto length = static_cast<std::uint32_t>(frame.size());
    const RecordHeader header{static_cast<std::uint32_t>(now.tv_sec), static_cast<std::uint32_t>(now.tv_nsec),
                              length, length};
    const auto head = bytes_of(header);
    buffer_.insert(buffer_.end(), head.begin(), head.end());
    buffer_.insert(buffer_.end(), frame.begin(), frame.end());
}

void Capture::flush() noexcept {
    const std::span<const std::byte> records{buffer_};
    std::size_t done = 0;
    while (file_.valid() && done < records.size()) {
        const ssize_t put = ::write(file_.get(), records.data() + done, records.size() - done);
        if (put > 0) {
            done += static_cast<std::size_t>(put);
        } else if (put == 0 || errno != EINTR) {
            const auto whole = static_cast<off_t>(whole_records(records, done));
            const int code = put == 0 ? ENOSPC : errno;
            (void)!::ftruncate(file_.get(), written_ + whole); // a pipe has no end to cut off
            end(code);
        }
    }
    written_ += static_cast<off_t>(done);
    buffer_.clear();
}

} // namespace sandbox::net
