// SPDX-License-Identifier: Apache-2.0
// Names of stored images: docker's grammar, one way to write each, and a file's name for it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sandbox {

/// "alpine", "alpine:3.20", "localhost/team/app:v1", "registry.example:5000/app" as NAME:TAG, the tag
/// "latest" where none is given; without the "docker.io/library/", "docker.io/" or "localhost/" that docker
/// and podman put before short names. Nothing for what is no name: lower-case letters and digits with single
/// separators in its parts, never "." or "..". https://github.com/distribution/reference, "Grammar".
std::optional<std::string> canonical_image_name(std::string_view text);

/// The name as one component of a path, and back. @param name a canonical one
std::string file_of_image_name(std::string_view name);
std::optional<std::string> image_name_of_file(std::string_view file);

/// What an image from this file is called where nobody says: "images/Alpine-3.tar.gz" is "alpine-3:latest".
std::optional<std::string> image_name_from_path(std::string_view path);

} // namespace sandbox
