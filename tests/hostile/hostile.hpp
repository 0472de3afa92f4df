// SPDX-License-Identifier: Apache-2.0
// The fixture: something outside that must not change, an archive, and what has become of it in the store.
#pragma once

#include "../behaviour/harness.hpp"
#include "raw_archive.hpp"

namespace sandbox::test {

class Hostile : public SandboxTest {
  protected:
    void SetUp() override;
    void TearDown() override;

    /// A directory with a file "secret", beside the store.
    [[nodiscard]] std::filesystem::path outside() const { return scratch() / "outside"; }

    /// Imports bin/, then `entries`, then an end marker.
    Result import(const std::string& entries, const Arguments& options = {});
    /// Imports a file as it is.
    Result import_file(const std::filesystem::path& file, const Arguments& options = {});

    /// The import fails with a line that has `object` and `reason`, and leaves no image.
    void expect_refused(const std::string& entries, const std::string& object, const std::string& reason);
    /// It goes well.
    void expect_taken(const std::string& entries, const Arguments& options = {});
    /// It ends in one way or the other; never by a crash or without a word.
    void expect_safe_end(const Result& result);

    [[nodiscard]] std::vector<std::filesystem::path> trees() const;
    /// Of the only tree in the store.
    [[nodiscard]] std::filesystem::path in_tree(const std::string& path) const;
    /// What `stat -c FORMAT` says of it, inside of a user namespace.
    [[nodiscard]] std::string stat_of(const std::string& path, const std::string& format) const;

  private:
    void expect_outside_unchanged() const;
};

} // namespace sandbox::test
