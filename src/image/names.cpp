// SPDX-License-Identifier: Apache-2.0
// Names of stored images.
#include "image/names.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace sandbox {

namespace {

/// A name is a file's, so the whole of it with its tag stays below NAME_MAX, ".tmp.PID" included.
constexpr std::size_t longest_name = 220;
constexpr std::size_t longest_tag = 128;

bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_word(char c) {
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

/// [a-z0-9]+ joined by ".", "_", "__" or any number of "-".
bool is_path_component(std::string_view text) {
    if (text.empty() || !is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back())) {
        return false;
    }
    for (std::size_t i = 0; i < text.size();) {
        if (is_lower_or_digit(text[i])) {
            ++i;
            continue;
        }
        const std::size_t end = std::min(text.find_first_not_of(text[i], i), text.size());
        const std::string_view separator = text.substr(i, end - i);
        if (separator != "." && separator != "_" && separator != "__" && separator.front() != '-') {
            return false;
        }
        if (end < text.size() && !is_lower_or_digit(text[end])) {
            return false;
        }
        i = end;
    }
    return true;
}

/// "registry.example:5000": only before a "/", and told from a path by its "." or ":", or as "localhost".
bool is_host(std::string_view text) {
    const auto colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const bool port_is_good =
        colon == std::string_view::npos || parse_number(text.substr(colon + 1), 65535).has_value();
    const auto labels = split(name, '.');
    return port_is_good && (colon != std::string_view::npos || labels.size() > 1 || name == "localhost") &&
           std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
               return !label.empty() && label.front() != '-' && label.back() != '-' &&
                      std::all_of(label.begin(), label.end(),
                                  [](char c) { return is_lower_or_digit(c) || c == '-'; });
           });
}

bool is_tag(std::string_view text) {
    return !text.empty() && text.size() <= longest_tag && is_word(text.front()) &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == '.' || c == '-'; });
}

} // namespace

std::optional<std::string> canonical_image_name(std::string_view text) {
    constexpr std::array<std::string_view, 3> dropped = {"docker.io/library/", "docker.io/", "localhost/"};
    for (const std::string_view prefix : dropped) {
        if (text.starts_with(prefix)) {
            text.remove_prefix(prefix.size());
            break;
        }
    }
    const auto slash = text.rfind('/');
    const auto colon = text.find(':', slash == std::string_view::npos ? 0 : slash);
    const std::string_view tag = colon == std::string_view::npos ? "latest" : text.substr(colon + 1);
    const std::string_view repository = text.substr(0, colon);
    const auto parts = split(repository, '/');
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!is_path_component(parts[i]) && !(i == 0 && parts.size() > 1 && is_host(parts[i]))) {
            return std::nullopt;
        }
    }
    std::string name = std::string{repository} + ':' + std::string{tag};
    return is_tag(tag) && name.size() <= longest_name ? std::optional{std::move(name)} : std::nullopt;
}

std::string file_of_image_name(std::string_view name) {
    std::string file{name};
    std::replace(file.begin(), file.end(), '/', '+'); // which no name has
    return file;
}

std::optional<std::string> image_name_of_file(std::string_view file) {
    std::string name{file};
    std::replace(name.begin(), name.end(), '+', '/');
    return canonical_image_name(name) == name ? std::optional{std::move(name)} : std::nullopt;
}

std::optional<std::string> image_name_from_path(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) {
        path.remove_suffix(1);
    }
    std::string name{path.substr(path.rfind('/') + 1)};
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    constexpr std::array<std::string_view, 8> compressions = {".gz",  ".bz2", ".xz",   ".zst",
                                                              ".lz4", ".lz",  ".lzma", ".z"};
    constexpr std::array<std::string_view, 4> archives = {".tar", ".tgz", ".txz", ".oci"};
    const auto drop_ending = [&name](const auto& endings) {
        for (const std::string_view ending : endings) {
            if (name.ends_with(ending)) {
                name.resize(name.size() - ending.size());
                return;
            }
        }
    };
    drop_ending(compressions);
    drop_ending(archives);
    return name.find(':') == std::string::npos ? canonical_image_name(name) : std::nullopt;
}

} // namespace sandbox
