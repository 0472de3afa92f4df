// SPDX-License-Identifier: Apache-2.0
// A layer's marks for what it takes away, from the archive's form to overlayfs's.
//
//   in the archive      says                             becomes
//   DIR/.wh.NAME        NAME of the layers below is gone  DIR/NAME, a character device 0:0; where this layer
//   has a
//                                                         directory NAME itself, that is made opaque
//   DIR/.wh..wh..opq    all of DIR below is gone          user.overlay.opaque=y on DIR
//   .wh..wh.*           aufs's own files                  nothing
//
// OCI image specification, layer.md, "Whiteouts"; overlayfs.rst, "whiteouts and opaque directories". Anyone
// may make such a device since Linux 5.8 (mknod(2): it opens nothing).
#pragma once

#include <set>
#include <string>

#include "base/unique_fd.hpp"

namespace sandbox::unpack {

/// Collects the marks while a layer is unpacked, and sets them when the rest is there: the order of the
/// entries then does not matter.
class Whiteouts {
  public:
    /// @param root the layer's root
    explicit Whiteouts(UniqueFd root) noexcept : root_(std::move(root)) {}

    /// @param path a cleaned one
    /// @return whether it was a mark: then it is no file. Throws UsageError for one that names nothing, or
    /// more than can be kept.
    bool take(const std::string& path);

    /// Makes them. Throws UsageError where a path passes through a symbolic link or a file; SystemError.
    void apply();

  private:
    void remember(std::set<std::string>& set, std::string path);
    [[nodiscard]] UniqueFd open_directory(const std::string& path) const;
    void make_opaque(const std::string& path) const;
    void make_whiteout(const std::string& path) const;

    UniqueFd root_;
    std::set<std::string> hidden_;
    std::set<std::string> opaque_;
    std::size_t bytes_ = 0;
};

} // namespace sandbox::unpack
