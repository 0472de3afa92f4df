// SPDX-License-Identifier: Apache-2.0
// A workspace of the test's own, and builds in it.
#pragma once

#include "harness.hpp"

namespace sandbox::test {

class BuildTest : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        if (!IsSkipped()) {
            std::filesystem::create_directory(workspace());
        }
    }

    [[nodiscard]] std::filesystem::path workspace() const { return scratch() / "workspace"; }

    /// `sandbox build OPTIONS -- sh -c SCRIPT` in the workspace.
    Result build(const std::string& text, const Arguments& options = {}, RunOptions run_options = {}) {
        Arguments arguments{"build"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {"--", "sh", "-c", text});
        if (run_options.directory.empty()) {
            run_options.directory = workspace();
        }
        return sandbox(arguments, run_options);
    }

    void put(const std::string& path, const std::string& text, unsigned mode = 0644) {
        std::filesystem::create_directories((workspace() / path).parent_path());
        write_text(workspace() / path, text, mode);
    }

    [[nodiscard]] std::string get(const std::string& path) const { return read_text(workspace() / path); }
    [[nodiscard]] bool has(const std::string& path) const {
        return std::filesystem::exists(std::filesystem::symlink_status(workspace() / path));
    }
    /// Relative paths of everything in the workspace, sorted, a blank between them.
    [[nodiscard]] std::string listing() const {
        std::vector<std::string> paths;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(workspace())) {
            paths.push_back(entry.path().lexically_relative(workspace()).string());
        }
        std::sort(paths.begin(), paths.end());
        std::string text;
        for (const std::string& path : paths) {
            text += (text.empty() ? "" : " ") + path;
        }
        return text;
    }
};

} // namespace sandbox::test
