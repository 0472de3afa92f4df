// SPDX-License-Identifier: Apache-2.0
// A look at a tar's beginning.
#include "unpack/first_names.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace sandbox::unpack {

namespace {

// tar(5), "POSIX ustar Archives"
constexpr std::size_t record = 512;
constexpr std::size_t name_size = 100;
constexpr std::size_t size_at = 124;
constexpr std::size_t size_digits = 11;
constexpr std::size_t kind_at = 156;
constexpr std::size_t magic_at = 257;

std::uint64_t octal(std::string_view digits) noexcept {
    std::uint64_t value = 0;
    for (const char digit : digits) {
        if (digit < '0' || digit > '7') {
            break;
        }
        value = value * 8 + static_cast<std::uint64_t>(digit - '0');
    }
    return value;
}

bool is_top_name(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 5> files = {"manifest.json", "index.json", "oci-layout",
                                                       "repositories", "blobs"};
    constexpr std::size_t digest_digits = 64;
    const std::string_view top = name.substr(0, name.find('/'));
    const bool hex =
        top.size() >= digest_digits &&
        top.substr(0, digest_digits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
    const std::string_view rest = hex ? top.substr(digest_digits) : std::string_view{};
    return (hex && (rest.empty() || rest == ".json" || rest == ".tar")) ||
           std::find(files.begin(), files.end(), top) != files.end();
}

/// What no root has at its top, and other tools' archives do: a config, or a layer by whatever name.
bool is_odd_name(std::string_view name) noexcept {
    return name.starts_with("sha256:") || name.ends_with(".json") || name.ends_with(".tar") ||
           name.ends_with(".tar.gz") || name.ends_with(".tgz");
}

/// The name of the first entry that is one, without "./"; empty where none is seen.
std::string_view first_name(std::span<const std::byte> start) noexcept {
    std::string_view bytes{reinterpret_cast<const char*>(start.data()), start.size()};
    while (bytes.size() >= record && bytes.substr(magic_at, 5) == "ustar") {
        const char kind = bytes[kind_at];
        std::string_view name = bytes.substr(0, name_size);
        name = name.substr(0, name.find('\0'));
        while (name.starts_with("./")) {
            name.remove_prefix(2);
        }
        const bool is_header = kind == 'x' || kind == 'g' || kind == 'L' || kind == 'K';
        if (!is_header && !name.empty() && name != ".") {
            return name;
        }
        const std::uint64_t size = octal(bytes.substr(size_at, size_digits));
        const std::uint64_t step = record + (size + record - 1) / record * record;
        if (step > bytes.size()) {
            break;
        }
        bytes.remove_prefix(static_cast<std::size_t>(step));
    }
    return {};
}

} // namespace

bool names_an_image(std::span<const std::byte> start) noexcept {
    return is_top_name(first_name(start));
}

bool may_name_an_image(std::span<const std::byte> start) noexcept {
    return is_top_name(first_name(start)) || is_odd_name(first_name(start));
}

} // namespace sandbox::unpack
