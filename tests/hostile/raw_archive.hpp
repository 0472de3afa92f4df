// SPDX-License-Identifier: Apache-2.0
// Writes headers that no archiver would, byte by byte. tar(5).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sandbox::test {

/// Fields as they stand in the header; what is too long is cut.
struct RawHeader {
    std::string name;
    char type = '0';
    std::string link = {};
    std::string size = "00000000000";
    std::string mode = "0000755";
    std::string uid = "0000000";
    std::string gid = "0000000";
    std::string mtime = "07346545000";
    std::string magic = std::string{"ustar\00000", 8};
    bool good_checksum = true;
};

/// 512 bytes.
std::string raw_header(const RawHeader& header);

/// Eleven octal digits.
std::string octal_size(std::uint64_t size);

/// GNU's form of large numbers: the first bit set, the rest the number. @param width bytes of the field
std::string base256(std::int64_t value, std::size_t width);

/// A header and its data, filled up to whole blocks.
std::string raw_file(RawHeader header, const std::string& data);

/// A pax header for the next entry; or, of type 'g', for all. Values are written as they are.
std::string pax_header(const std::vector<std::pair<std::string, std::string>>& records, char type = 'x');

/// GNU's long name ('L') or link ('K') for the next entry.
std::string gnu_long(char type, const std::string& text);

/// Two empty blocks.
std::string end_marker();

} // namespace sandbox::test
