// SPDX-License-Identifier: Apache-2.0
// The end of a build: its outputs, what is said of it, and what is kept where it failed.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "build/build_watch.hpp"
#include "build/changes.hpp"
#include "build/outputs.hpp"
#include "build/path_pattern.hpp"
#include "build/report.hpp"
#include "build_start.hpp"
#include "output_file.hpp"

namespace sandbox {

/// A finished run's upper directory, open, and such that its owner may do all with it.
UniqueFd open_upper(const FinishedRun& run);

/// From a run that succeeded to outputs that may leave it. Throws Error where an output is missing, or must
/// not leave.
SortedChanges sort_and_check(const BuiltTree& tree, const std::vector<PathPattern>& patterns);

/// One build, from before it starts to its status.
class BuildFinish {
  public:
    explicit BuildFinish(const BuildContext& context);
    ~BuildFinish();
    BuildFinish(const BuildFinish&) = delete;
    BuildFinish& operator=(const BuildFinish&) = delete;

    /// What looks on meanwhile; nullptr where nobody wants to know.
    [[nodiscard]] Onlooker* onlooker();
    [[nodiscard]] bool traces_reads() const { return watch_.reads.has_value(); }
    [[nodiscard]] std::span<const sock_filter> lookups() const;

    /// Puts the outputs of a build that succeeded into the workspace, saves the tree of one that failed, and
    /// tells what there is to tell. @return the status
    int take(const FinishedRun& run);

  private:
    void take_success(const BuiltTree& tree);
    void tell_failure(const BuiltTree& tree);
    void collect_reads();
    void write_report();
    void print_suggestions() const;
    void keep_failed(const BuiltTree& tree) const;
    void tell_undeclared() const;

    const BuildContext& context_;
    std::vector<PathPattern> patterns_;
    BuildWatch watch_;
    BuildReport report_;
    std::optional<OutputFile>
        report_file_; ///< from the beginning on where it is stdout: a run lets go of that
    std::chrono::steady_clock::time_point begin_;
};

} // namespace sandbox
