// SPDX-License-Identifier: Apache-2.0
// The lines of sandbox-unpack's report: tab-separated fields with three escapes.
#include "base/unpack_report.hpp"

#include <vector>

#include "base/image_record.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

/// Three texts of this many bytes, each byte escaped, fit in a line.
constexpr std::size_t max_text = 2048;
static_assert(3 * 2 * max_text + 64 <= max_report_line);

std::string escape(std::string_view text) {
    std::string result;
    for (const char c : text.substr(0, max_text)) {
        switch (c) {
            case '\t':
                result += "\\t";
                break;
            case '\n':
                result += "\\n";
                break;
            case '\\':
                result += "\\\\";
                break;
            default:
                result += c;
        }
    }
    return result;
}

std::optional<std::string> unescape(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            result += text[i];
            continue;
        }
        if (++i == text.size()) {
            return std::nullopt;
        }
        switch (text[i]) {
            case 't':
                result += '\t';
                break;
            case 'n':
                result += '\n';
                break;
            case '\\':
                result += '\\';
                break;
            default:
                return std::nullopt;
        }
    }
    return result;
}

struct Formatter {
    std::string operator()(const UnpackProgress& report) const {
        return "progress\t" + std::to_string(report.archive_bytes) + '\n';
    }
    std::string operator()(const UnpackDone& report) const {
        return "done\t" + report.digest + '\t' + std::to_string(report.entries) + '\t' +
               std::to_string(report.devices) + '\t' + std::to_string(report.unpacked_bytes) + '\n';
    }
    std::string operator()(const UnpackFailure& report) const {
        return "error\t" + escape(report.object) + '\t' + escape(report.reason) + '\t' + escape(report.hint) +
               '\n';
    }
};

using Fields = std::vector<std::string_view>;

std::optional<UnpackReport> parse_progress(const Fields& fields) {
    const auto bytes = parse_number(fields[1]);
    return bytes ? std::optional<UnpackReport>{UnpackProgress{*bytes}} : std::nullopt;
}

std::optional<UnpackReport> parse_done(const Fields& fields) {
    const auto entries = parse_number(fields[2]);
    const auto devices = parse_number(fields[3]);
    const auto bytes = parse_number(fields[4]);
    if (!is_digest(fields[1]) || !entries || !devices || !bytes) {
        return std::nullopt;
    }
    return UnpackDone{std::string{fields[1]}, *entries, *devices, *bytes};
}

std::optional<UnpackReport> parse_failure(const Fields& fields) {
    auto object = unescape(fields[1]);
    auto reason = unescape(fields[2]);
    auto hint = unescape(fields[3]);
    if (!object || !reason || reason->empty() || !hint) {
        return std::nullopt;
    }
    return UnpackFailure{*std::move(object), *std::move(reason), *std::move(hint)};
}

} // namespace

std::string format_unpack_report(const UnpackReport& report) {
    return std::visit(Formatter{}, report);
}

std::optional<UnpackReport> parse_unpack_report(std::string_view line) {
    if (line.size() >= max_report_line || line.find('\n') != std::string_view::npos) {
        return std::nullopt;
    }
    const Fields fields = split(line, '\t');
    if (fields[0] == "progress" && fields.size() == 2) {
        return parse_progress(fields);
    }
    if (fields[0] == "done" && fields.size() == 5) {
        return parse_done(fields);
    }
    if (fields[0] == "error" && fields.size() == 4) {
        return parse_failure(fields);
    }
    return std::nullopt;
}

} // namespace sandbox
