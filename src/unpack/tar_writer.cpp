// SPDX-License-Identifier: Apache-2.0
// Headers of the pax format: a ustar header, and before it a pax one for what does not fit.
#include "unpack/tar_writer.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/files.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t record_blocks = 20;
constexpr std::size_t name_bytes = 100;

/// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
    std::string rest = " ";
    rest += key;
    rest += '=';
    rest += value;
    rest += '\n';
    std::size_t length = rest.size() + 1;
    while (std::to_string(length).size() + rest.size() != length) {
        ++length;
    }
    return std::to_string(length) + rest;
}

/// Octal digits with a final NUL. A number that does not fit is in the pax header, and 0 here.
void put_octal(std::string& header, std::size_t at, std::size_t width, std::uint64_t value) {
    std::array<char, 24> digits{};
    const int length = std::snprintf(digits.data(), digits.size(), "%0*llo", static_cast<int>(width - 1),
                                     static_cast<unsigned long long>(value));
    if (length == static_cast<int>(width - 1)) {
        header.replace(at, width - 1, digits.data(), width - 1);
    } else {
        header.replace(at, width - 1, width - 1, '0');
    }
}

bool fits_octal(std::uint64_t value, std::size_t width) {
    return value < std::uint64_t{1} << (3 * (width - 1));
}

std::string ustar_header(const TarEntry& entry, std::string_view name, std::uint64_t size) {
    std::string header(block, '\0');
    const std::string_view short_name = name.substr(0, name_bytes);
    const std::string_view short_link = std::string_view{entry.link}.substr(0, name_bytes);
    header.replace(0, short_name.size(), short_name);
    put_octal(header, 100, 8, entry.mode & 07777);
    put_octal(header, 108, 8, entry.owner);
    put_octal(header, 116, 8, entry.group);
    put_octal(header, 124, 12, size);
    put_octal(header, 136, 12, static_cast<std::uint64_t>(std::max<time_t>(entry.modified.tv_sec, 0)));
    header.replace(148, 8, 8, ' '); // what the checksum has in its own place
    header[156] = entry.type;
    header.replace(157, short_link.size(), short_link);
    header.replace(257, 8, std::string_view{"ustar\00000", 8});
    put_octal(header, 329, 8, entry.major);
    put_octal(header, 337, 8, entry.minor);
    std::uint64_t sum = 0;
    for (const char c : header) {
        sum += static_cast<unsigned char>(c);
    }
    put_octal(header, 148, 7, sum);
    header[155] = ' ';
    return header;
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// How many bytes a character has by its first one; 0 for none. RFC 3629, 4.
std::size_t utf8_length(unsigned char first) {
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(static_cast<unsigned char>(text.front()));
        if (length == 0 || length > text.size() ||
            !std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(length),
                         is_continuation)) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

/// Seconds with nine digits behind the point where they are not zero. Of times before 1970 the whole seconds
/// only: libarchive takes the fraction of a negative number for a positive one
/// (archive_read_support_format_tar.c, pax_time).
std::string pax_time(const timespec& time) {
    std::string text = std::to_string(time.tv_sec);
    if (time.tv_nsec != 0 && time.tv_sec >= 0) {
        std::string digits = std::to_string(time.tv_nsec);
        text += '.' + std::string(9 - digits.size(), '0') + digits;
    }
    return text;
}

/// '=' ends a key: written as GNU tar does (xattrs.c, xattr_encode_keyword).
std::string encoded(std::string_view name) {
    std::string text;
    for (const char c : name) {
        if (c == '%') {
            text += "%25";
        } else if (c == '=') {
            text += "%3D";
        } else {
            text += c;
        }
    }
    return text;
}

/// GNU tar's sparse format 1.0: the map lies before the data. GNU tar manual, "PAX Format, Version 1.0".
std::string sparse_map(const TarEntry& entry) {
    std::string map = std::to_string(entry.data.size()) + '\n';
    for (const DataRange& range : entry.data) {
        map += std::to_string(range.offset) + '\n' + std::to_string(range.size) + '\n';
    }
    map.resize((map.size() + block - 1) / block * block, '\0');
    return map;
}

std::string pax_records(const TarEntry& entry, std::uint64_t size) {
    std::string records;
    if (!is_utf8(entry.path) || !is_utf8(entry.link)) {
        records += pax_record("hdrcharset", "BINARY");
    }
    if (entry.sparse) {
        records += pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") +
                   pax_record("GNU.sparse.name", entry.path) +
                   pax_record("GNU.sparse.realsize", std::to_string(entry.size));
    } else if (entry.path.size() > name_bytes) {
        records += pax_record("path", entry.path);
    }
    if (entry.link.size() > name_bytes) {
        records += pax_record("linkpath", entry.link);
    }
    if (!fits_octal(entry.owner, 8)) {
        records += pax_record("uid", std::to_string(entry.owner));
    }
    if (!fits_octal(entry.group, 8)) {
        records += pax_record("gid", std::to_string(entry.group));
    }
    if (!fits_octal(size, 12)) {
        records += pax_record("size", std::to_string(size));
    }
    const bool plain_time = entry.modified.tv_sec >= 0 && entry.modified.tv_nsec == 0 &&
                            fits_octal(static_cast<std::uint64_t>(entry.modified.tv_sec), 12);
    if (!plain_time) {
        records += pax_record("mtime", pax_time(entry.modified));
    }
    for (const auto& [name, value] : entry.extended) {
        records += pax_record("SCHILY.xattr." + encoded(name), value);
    }
    return records;
}

} // namespace

TarWriter::TarWriter(int fd) : fd_(fd) {
    buffer_.reserve(limits::block_bytes);
}

void TarWriter::header(const TarEntry& entry) {
    const std::string map = entry.sparse ? sparse_map(entry) : "";
    std::uint64_t size = entry.sparse ? map.size() : entry.size;
    for (const DataRange& range : entry.data) {
        size += range.size;
    }
    const std::string records = pax_records(entry, size);
    if (!records.empty()) {
        TarEntry extended;
        extended.path = "PaxHeaders/0";
        extended.type = 'x';
        extended.mode = 0644;
        put(ustar_header(extended, extended.path, records.size()));
        put(records);
        pad_to(block);
    }
    put(ustar_header(entry, entry.sparse ? "GNUSparseFile.0/" + entry.path : entry.path, size));
    put(map);
}

void TarWriter::data(std::span<const std::byte> bytes) {
    put({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void TarWriter::end_of_data() {
    pad_to(block);
}

void TarWriter::finish() {
    put(std::string(2 * block, '\0'));
    pad_to(record_blocks * block);
    flush();
}

void TarWriter::put(std::string_view bytes) {
    total_ += bytes.size();
    while (!bytes.empty()) {
        const std::size_t size = std::min(bytes.size(), limits::block_bytes - buffer_.size());
        buffer_ += bytes.substr(0, size);
        bytes.remove_prefix(size);
        if (buffer_.size() == limits::block_bytes) {
            flush();
        }
    }
}

void TarWriter::pad_to(std::size_t unit) {
    put(std::string((unit - total_ % unit) % unit, '\0'));
}

void TarWriter::flush() {
    hash_.update(std::as_bytes(std::span{buffer_}));
    write_all(fd_, buffer_, "the archive");
    buffer_.clear();
}

} // namespace sandbox::unpack
