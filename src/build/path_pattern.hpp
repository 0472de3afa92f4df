// SPDX-License-Identifier: Apache-2.0
// What --input and --output name: a path of the workspace, or several by wildcards. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

/// `*`, `?` and `[...]` within a component as glob(7) has them (a leading dot is matched by a dot alone), and
/// `**` as a component of its own for any number of directories that do not begin with a dot.
class PathPattern {
  public:
    /// @param option for messages: "--input"
    /// Throws UsageError for an empty text, an absolute path, and one with "..".
    PathPattern(std::string_view option, std::string_view text);

    /// As the user wrote it.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// "--input src/*.c"
    [[nodiscard]] const std::string& option() const noexcept { return option_; }
    /// Whether it has no wildcards: then path() is the one path.
    [[nodiscard]] bool is_literal() const noexcept { return literal_; }
    /// Without "." and doubled slashes; "" is the workspace itself.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Its components up to the first that has a wildcard: what is above that is one directory.
    [[nodiscard]] std::string fixed_part() const;

    /// Whether the path, relative and plain, is named.
    [[nodiscard]] bool matches(std::string_view path) const;
    /// Whether it, or a directory that it lies in, is named.
    [[nodiscard]] bool covers(std::string_view path) const;
    /// Whether something below the directory may be named.
    [[nodiscard]] bool leads_into(std::string_view directory) const;

  private:
    std::string option_;
    std::string text_;
    std::string path_;
    std::vector<std::string> components_;
    bool literal_ = true;
};

/// What names this path alone, in a line of a configuration file too, which knows no quotes; nothing where no
/// pattern does: a line ends at "#", and has no control characters.
std::optional<std::string> pattern_of(const std::string& path);

/// The patterns of an option.
std::vector<PathPattern> parse_patterns(std::string_view option, const std::vector<std::string>& texts);

/// Whether any of them covers the path.
bool any_covers(const std::vector<PathPattern>& patterns, std::string_view path);

} // namespace sandbox
