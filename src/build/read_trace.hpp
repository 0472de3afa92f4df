// SPDX-License-Identifier: Apache-2.0
// Which files a build opened to read or execute, told by inotify(7) on the directories as they are mounted in
// the sandbox. Those are overlays of its own, so that nobody else's opens are among them, and no call of the
// build is slower.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

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
    void watch_tree(int parent, const char* name, const std::string& path);
    void watch_below(int parent, const char* name, const std::string& path);

    UniqueFd queue_;
    std::string place_;
    std::map<int, std::string> paths_; ///< of the watched directories, by watch descriptor
    std::set<std::pair<int, std::string>> names_;
    std::set<std::string> opened_;
    std::string gap_;
};

} // namespace sandbox
