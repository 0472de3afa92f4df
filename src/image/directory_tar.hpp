// SPDX-License-Identifier: Apache-2.0
// A directory as a tar that can be imported like any other: the exporter in a process of its own, beside the
// import that reads from it. Private to this room.
#pragma once

#include <string>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/unique_fd.hpp"
#include "idmap/mapping.hpp"

namespace sandbox {

class DirectoryTar {
  public:
    /// @param path absolute; a root file system's. Owners are those inside of `mapping`
    DirectoryTar(const std::string& name, const std::string& path, const Mapping& mapping, const Log& log);
    /// Where nobody reads on, the exporter ends as well.
    ~DirectoryTar();
    DirectoryTar(const DirectoryTar&) = delete;
    DirectoryTar& operator=(const DirectoryTar&) = delete;

    /// The tar, through a pipe.
    [[nodiscard]] int fd() const noexcept { return tar_.read.get(); }

    /// Waits for the exporter. Throws Error about the file that it could not read; then what was read is no
    /// whole tar.
    void finish();

    /// The same where it has failed already; for an import that failed, maybe for that reason.
    void rethrow_failure();

  private:
    Pipe tar_;
    Pipe complaint_;
    ChildProcess child_;
};

} // namespace sandbox
