// SPDX-License-Identifier: Apache-2.0
// Where a command's own result goes: stdout, or a file that is there whole or not at all.
#pragma once

#include <string>

#include "base/unique_fd.hpp"

namespace sandbox {

/// stdout; a file that appears under its name when it is complete; or what is no regular file, written as it
/// is. Throws SystemError naming the path.
class OutputFile {
  public:
    /// @param path empty or "-": stdout
    explicit OutputFile(const std::string& path);
    /// Removes what was not completed.
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// From here on the file is there under its name, also after a loss of power.
    void complete();

    /// Throws, in short, what the constructor would, and changes nothing.
    static void require_place(const std::string& path, const std::string& object);

  private:
    std::string path_;
    std::string temporary_; ///< while there is one
    UniqueFd fd_;
};

} // namespace sandbox
