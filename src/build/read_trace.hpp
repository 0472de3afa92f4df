// SPDX-License-Identifier: Apache-2.0
// Which files a build opened to read or execute, told by inotify(7) on the directories as they are mounted in
// the sandbox. Those are overlays of its own, so that nobody else's opens are among them, and no call of the
// build is slower.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"

namespace sandbox {

class ReadTrace {
  public:
    /// Everything is watched but what is the sandbox's own: /proc, /sys, /dev, /tmp and /run.
    /// @param place where the workspace is seen, absolute
    explicit ReadTrace(std::string place);

    /// Watches everything below the root, before the build starts.
    void watch(UniqueFd root);
    /// Readable when there is something to read.
    [[nodiscard]] int fd() const noexcept { return queue_.get(); }
    void read_events();
    /// Everything inside has ended.
    void finish();

    /// Absolute paths inside, sorted. Valid after finish().
    [[nodiscard]] const std::set<std::string>& opened() const noexcept { return opened_; }
    /// Why it is not everything; empty where it is.
    [[nodiscard]] const std::string& gap() const noexcept { return gap_; }

  private:
    /// A watched directory: its name, and the watch descriptor of the directory that it is in.
    struct Place {
        int above = -1; ///< 0 of the root, -1 of none
        std::string name;
    };

    void watch_tree(int parent, const char* name, int above);
    void watch_below(int parent, const char* name, int above);
    [[nodiscard]] std::string path_of(int watch) const;

    UniqueFd queue_;
    std::string place_;
    std::string path_;           ///< where watch_tree() is
    std::vector<Place> watched_; ///< by watch descriptor: the kernel counts them from 1
    std::set<std::pair<int, std::string>> names_;
    std::set<std::string> opened_;
    std::string gap_;
};

} // namespace sandbox
