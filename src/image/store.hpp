// SPDX-License-Identifier: Apache-2.0
// The store on disk: where image trees and the working directories of runs lie.
//
//   ROOT/version                 the layout's number
//   ROOT/scaffold                empty mount points: the lowest layer of every overlay, so that an image
//                                without /etc/resolv.conf, say, needs nothing written when a sandbox starts
//   ROOT/names/NAME              the id of a stored image; "/" of its name is "+"
//   ROOT/images/HEX              an image's record (base/image_record.hpp), by its id; locked by who uses it
//   ROOT/tars/KEY                the id of the image in an archive file, by what stat(2) says of the file
//   ROOT/layers/SHA256/MAP/root  a layer's tree, by the digest of its uncompressed tar and the kind of map
//   ROOT/filters/KEY             a seccomp profile that was compiled, by what stat(2) says of it
//   ROOT/tmp/NAME                an import under way, whose maker holds its lock, or what is to be removed
//   ROOT/lock                    see image/catalog.hpp
//   ROOT/runs/MAP/N              upper and work of a running sandbox, recycled; locked while in use
#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.hpp"

namespace sandbox {

/// An open store. Its root is mode 0700 and the caller's, checked when it is opened: other users must not
/// reach the set-uid files of its trees.
class Store {
  public:
    /// Opens ROOT, and makes it where it is missing.
    explicit Store(const std::string& root);

    [[nodiscard]] int fd() const noexcept { return root_.get(); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Where the scaffold lies.
    [[nodiscard]] std::string scaffold() const { return path_ + "/scaffold"; }

    /// Makes a directory below the root, mode 0700, unless it is there. @param name one component
    UniqueFd open_directory(int parent, const std::string& name) const;

  private:
    void make_root();
    void check_version();
    void make_layout();

    std::string path_;
    UniqueFd root_;
};

/// $SANDBOX_ROOT, $XDG_DATA_HOME/sandbox or ~/.local/share/sandbox; empty arguments count as unset.
std::string default_store_path(const std::string& sandbox_root, const std::string& xdg_data_home,
                               const std::string& home);

} // namespace sandbox
