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
//
// A shared store is one that its owner made for other users to read. Its layout's number says so, its MAP is
// always "shared" (see shared_map_key), and of the above it has what images are made of: no runs, no
// scaffold.
#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.hpp"

namespace sandbox {

/// What a store is opened for.
enum class StoreUse {
    run,    ///< everything, sandboxes too: a private store, made where it is missing
    manage, ///< images are put in, listed and removed: the caller's store, private or shared; made private
    share,  ///< the same of a shared store, made where there is none
    read,   ///< images are taken from it and nothing is written: any shared store, or a private one of the
            ///< caller's, maybe on a file system that is read-only here
};

/// The kind of the trees in a shared store: one id, no set-id bits, no capabilities or ACLs, modes that let
/// everybody read. What the image says of owners and modes is in owner_attribute.
inline constexpr const char* shared_map_key = "shared";

/// An open store. A private one is mode 0700 and the caller's, checked when it is opened: other users must
/// not reach the set-uid files of its trees. A shared one has none, and nobody but its owner may write there.
class Store {
  public:
    /// Throws UsageError where the store is not fit for this use.
    explicit Store(const std::string& root, StoreUse use = StoreUse::run);

    [[nodiscard]] int fd() const noexcept { return root_.get(); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] bool is_shared() const noexcept { return shared_; }
    [[nodiscard]] bool is_the_callers() const noexcept { return is_the_callers_; }
    /// Of a file that says what is in the store.
    [[nodiscard]] unsigned file_mode() const noexcept { return shared_ ? 0644 : 0600; }

    /// Where the scaffold lies.
    [[nodiscard]] std::string scaffold() const { return path_ + "/scaffold"; }

    /// Makes a directory below the root, mode 0700 (in a shared store 0755), unless it is there. @param name
    /// one component
    UniqueFd open_directory(int parent, const std::string& name) const;

  private:
    void make_root(StoreUse use);
    void check_version(StoreUse use);
    void check_access(StoreUse use);
    [[noreturn]] void refuse_others_store(StoreUse use) const;
    void make_layout();
    void make_shared_layout();

    std::string path_;
    UniqueFd root_;
    bool shared_ = false;
    bool is_the_callers_ = false;
};

/// $SANDBOX_ROOT, $XDG_DATA_HOME/sandbox or ~/.local/share/sandbox; empty arguments count as unset.
std::string default_store_path(const std::string& sandbox_root, const std::string& xdg_data_home,
                               const std::string& home);

} // namespace sandbox
