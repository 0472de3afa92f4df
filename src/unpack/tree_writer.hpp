// SPDX-License-Identifier: Apache-2.0
// Writes files of every kind below a root directory: by *at() calls, never through a symbolic link.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"
#include "unpack/small_files.hpp"

namespace sandbox::unpack {

/// What a file has besides its content. Ids are those of the caller's user namespace.
struct Attributes {
    uid_t owner = 0;
    gid_t group = 0;
    mode_t mode = 0; ///< permission, set-id and sticky bits; not the kind
    timespec modified{};
    std::vector<std::pair<std::string, std::string>>
        extended; ///< names and values; regular files, directories
};

/// A small file's content.
struct SmallContent {
    std::shared_ptr<char[]> bytes; ///< shared, for what is done with it later is copied with it
    std::size_t size = 0;
};

/// All paths are cleaned ones (entry_path.hpp): relative to the root, "" being the root itself.
///
/// A path that passes through a symbolic link is an error: parents are opened with openat2(2) and
/// RESOLVE_NO_SYMLINKS. What is there under the same name gives way, a directory with all that is in it,
/// unless both are directories. Missing parents are made, mode 0755. A file is made with the owner, mode and
/// group that it shall have where that can be, and nothing is set twice: system calls are most of an import's
/// time. Errors are SystemError and UsageError and name the path. The caller has CAP_CHOWN, CAP_DAC_OVERRIDE,
/// CAP_FOWNER and CAP_FSETID over the tree (and CAP_SETFCAP for file capabilities), its umask is 0, and
/// nobody else writes to it meanwhile.
class TreeWriter {
  public:
    /// @param keep_owners false where only one id exists: everything then belongs to the caller
    TreeWriter(UniqueFd root, bool keep_owners);

    void make_directory(const std::string& path, const Attributes& attributes);

    /// @param write_content given the open, empty file; may throw
    void make_file(const std::string& path, const Attributes& attributes,
                   const std::function<void(int fd)>& write_content);

    /// The same for a small file of this content, which is written by another thread in its own time: a
    /// failure may be thrown by a later call, at the latest by settle().
    void make_small_file(const std::string& path, const Attributes& attributes, SmallContent content);

    /// Waits for the other thread. Throws what it has not been able to do.
    void settle() { small_files_.drain(); }

    void make_symlink(const std::string& path, const std::string& target, const Attributes& attributes);

    void make_fifo(const std::string& path, const Attributes& attributes);

    /// A second name for what is already there under `existing`, which must not be a directory.
    void make_hardlink(const std::string& path, const std::string& existing);

    /// Sets the times of the directories, which making files in them has changed. Once, last. One that no
    /// entry names gets the newest of the archive's: the same archive gives the same tree whenever it is
    /// unpacked.
    void finish();

  private:
    /// A directory on the way to the last entry. Entries come in the order of a walk, as a rule.
    struct OpenDirectory {
        std::string path;
        UniqueFd fd;
        bool gives_group = false; ///< its set-group-id bit is on: what is made in it gets its group. mkdir(2)
    };
    /// What a new file has already without being told.
    struct Born {
        bool owned = false; ///< belongs to id 0 of both kinds
        mode_t mode = 0;
    };

    const OpenDirectory& open_parent(const std::string& path);
    UniqueFd create_file(const std::string& path, mode_t mode, Born& born);
    void leave_all_but(std::string_view directory);
    void keep_open(std::string path, UniqueFd fd);
    void make_missing(const std::string& path, std::string_view directory);
    void make_way(int parent, const std::string& leaf, const std::string& path);
    UniqueFd make_or_open_directory(const std::string& path, mode_t mode, Born& born);
    [[nodiscard]] Born born_in(const OpenDirectory& parent, mode_t mode) const noexcept;
    void apply(int fd, const std::string& path, const Attributes& attributes, const Born& born) const;
    void complete(int fd, const std::string& path, const Attributes& attributes, const Born& born) const;
    void apply_by_name(const OpenDirectory& parent, const std::string& leaf, const std::string& path,
                       const Attributes& attributes) const;
    void remember_time(const std::string& path, timespec modified);
    void note_time(timespec modified) noexcept;

    UniqueFd root_;
    bool keep_owners_ = false;
    std::vector<OpenDirectory> open_; ///< each below the one before it
    timespec newest_{};               ///< of all files and directories
    std::unordered_map<std::string, timespec> directory_times_;
    std::size_t directory_name_bytes_ = 0;

    SmallFiles small_files_; ///< last: its thread uses the above
};

} // namespace sandbox::unpack
