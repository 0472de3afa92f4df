// SPDX-License-Identifier: Apache-2.0
// Image records: pairs of NUL-ended texts. Pure.
#include "base/image_record.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

constexpr std::string_view digest_prefix = "sha256:";
constexpr std::size_t digest_digits = 64;
constexpr std::string_view end_key = "end";

/// Each key of a list, and where its values go.
struct ListKey {
    std::string_view key;
    std::vector<std::string>& (*list)(ImageRecord&);
};
constexpr ListKey list_keys[] = {
    {"env", [](ImageRecord& r) -> std::vector<std::string>& { return r.config.environment; }},
    {"entrypoint", [](ImageRecord& r) -> std::vector<std::string>& { return r.config.entrypoint; }},
    {"cmd", [](ImageRecord& r) -> std::vector<std::string>& { return r.config.command; }},
    {"label", [](ImageRecord& r) -> std::vector<std::string>& { return r.config.labels; }},
    {"port", [](ImageRecord& r) -> std::vector<std::string>& { return r.config.ports; }},
    {"name", [](ImageRecord& r) -> std::vector<std::string>& { return r.names; }},
};

/// Each key of a single text; an empty one is not written.
struct TextKey {
    std::string_view key;
    std::string& (*text)(ImageRecord&);
};
constexpr TextKey text_keys[] = {
    {"id", [](ImageRecord& r) -> std::string& { return r.id; }},
    {"workdir", [](ImageRecord& r) -> std::string& { return r.config.working_directory; }},
    {"user", [](ImageRecord& r) -> std::string& { return r.config.user; }},
    {"stopsignal", [](ImageRecord& r) -> std::string& { return r.config.stop_signal; }},
    {"source", [](ImageRecord& r) -> std::string& { return r.source; }},
};

void append(std::string& bytes, std::string_view key, std::string_view value) {
    if (value.find('\0') != std::string_view::npos) {
        throw Error(key, "a text of the image holds a NUL byte");
    }
    bytes.append(key).push_back('\0');
    bytes.append(value).push_back('\0');
}

std::optional<ImageLayer> parse_layer(std::string_view value) {
    const auto fields = split(value, ' ');
    const auto size = fields.size() == 2 ? parse_number(fields[1]) : std::nullopt;
    if (!size || !is_digest(fields[0])) {
        return std::nullopt;
    }
    return ImageLayer{std::string{fields[0]}, *size};
}

/// @return false where there is no such key, or the value is not of its form
bool take_pair(ImageRecord& record, std::string_view key, std::string_view value) {
    for (const ListKey& known : list_keys) {
        if (key == known.key) {
            known.list(record).emplace_back(value);
            return true;
        }
    }
    for (const TextKey& known : text_keys) {
        if (key == known.key) {
            std::string& text = known.text(record);
            const bool first = text.empty();
            text = value;
            return first;
        }
    }
    if (key == "layer") {
        const auto layer = parse_layer(value);
        if (!layer || record.layers.size() == max_image_layers) {
            return false;
        }
        record.layers.push_back(*layer);
        return true;
    }
    if (key == "time") {
        const auto time = parse_signed(value);
        record.imported_at = time.value_or(0);
        return time.has_value();
    }
    return false;
}

/// Cuts the text up to the next NUL off `bytes`.
std::optional<std::string_view> take_text(std::string_view& bytes) {
    const auto end = bytes.find('\0');
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view text = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    return text;
}

} // namespace

bool is_digest(std::string_view text) {
    return text.size() == digest_prefix.size() + digest_digits && text.starts_with(digest_prefix) &&
           text.find_first_not_of("0123456789abcdef", digest_prefix.size()) == std::string_view::npos;
}

std::string_view hex_of(std::string_view digest) {
    return digest.substr(digest_prefix.size());
}

std::string format_image_record(const ImageRecord& record) {
    ImageRecord copy = record; // the tables' accessors are for both ways
    std::string bytes;
    for (const TextKey& known : text_keys) {
        if (const std::string& text = known.text(copy); !text.empty()) {
            append(bytes, known.key, text);
        }
    }
    append(bytes, "time", std::to_string(record.imported_at));
    for (const ImageLayer& layer : record.layers) {
        append(bytes, "layer", layer.digest + ' ' + std::to_string(layer.size));
    }
    for (const ListKey& known : list_keys) {
        for (const std::string& value : known.list(copy)) {
            append(bytes, known.key, value);
        }
    }
    append(bytes, end_key, "");
    return bytes;
}

std::optional<ImageRecord> parse_image_record(std::string_view bytes) {
    ImageRecord record;
    while (true) {
        const auto key = take_text(bytes);
        const auto value = key ? take_text(bytes) : std::nullopt;
        if (!value) {
            return std::nullopt;
        }
        if (*key == end_key) {
            break;
        }
        if (!take_pair(record, *key, *value)) {
            return std::nullopt;
        }
    }
    const bool whole = bytes.empty() && is_digest(record.id) && !record.layers.empty();
    return whole ? std::optional{std::move(record)} : std::nullopt;
}

} // namespace sandbox
