// SPDX-License-Identifier: Apache-2.0
// Headers of v7, ustar, pax and GNU. tar(5).
#include "raw_archive.hpp"

#include <algorithm>
#include <cstdio>

namespace sandbox::test {

namespace {

constexpr std::size_t block = 512;

void put(std::string& header, std::size_t at, std::size_t width, const std::string& field) {
    header.replace(at, std::min(width, field.size()), field, 0, width);
}

} // namespace

std::string raw_header(const RawHeader& header) {
    std::string bytes(block, '\0');
    put(bytes, 0, 100, header.name);
    put(bytes, 100, 8, header.mode);
    put(bytes, 108, 8, header.uid);
    put(bytes, 116, 8, header.gid);
    put(bytes, 124, 12, header.size);
    put(bytes, 136, 12, header.mtime);
    put(bytes, 148, 8, "        ");
    bytes[156] = header.type;
    put(bytes, 157, 100, header.link);
    put(bytes, 257, 8, header.magic);
    unsigned sum = header.good_checksum ? 0 : 1;
    for (const char c : bytes) {
        sum += static_cast<unsigned char>(c);
    }
    char digits[16];
    (void)std::snprintf(digits, sizeof digits, "%06o", sum);
    put(bytes, 148, 7, std::string{digits, 7});
    return bytes;
}

std::string octal_size(std::uint64_t size) {
    char digits[32];
    (void)std::snprintf(digits, sizeof digits, "%011llo", static_cast<unsigned long long>(size));
    return digits;
}

std::string base256(std::int64_t value, std::size_t width) {
    std::string field(width, value < 0 ? '\xff' : '\0');
    for (std::size_t i = 0; i < std::min<std::size_t>(8, width); ++i) {
        field[width - 1 - i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
    }
    field[0] = static_cast<char>(field[0] | '\x80');
    return field;
}

std::string raw_file(RawHeader header, const std::string& data) {
    header.size = octal_size(data.size());
    return raw_header(header) + data + std::string((block - data.size() % block) % block, '\0');
}

std::string pax_header(const std::vector<std::pair<std::string, std::string>>& records, char type) {
    std::string data;
    for (const auto& [key, value] : records) {
        const std::string rest = " " + key + "=" + value + "\n";
        std::size_t length = rest.size() + 1;
        while (std::to_string(length).size() + rest.size() != length) {
            ++length;
        }
        data += std::to_string(length) + rest;
    }
    return raw_file({.name = "PaxHeaders/x", .type = type}, data);
}

std::string gnu_long(char type, const std::string& text) {
    return raw_file({.name = "././@LongLink", .type = type}, text + '\0');
}

std::string end_marker() {
    return std::string(2 * block, '\0');
}

} // namespace sandbox::test
