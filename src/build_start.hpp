// SPDX-License-Identifier: Apache-2.0
// One run of a build in one world: from what was asked for to a Start, and its run.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/signals.hpp"
#include "base/unique_fd.hpp"
#include "build/inputs.hpp"
#include "build/path_pattern.hpp"
#include "build/world.hpp"
#include "cli/options.hpp"
#include "host/host_facts.hpp"
#include "image/store.hpp"
#include "run_start.hpp"
#include "spec/environment.hpp"

namespace sandbox {

/// What all runs of one build have in common.
struct BuildContext {
    const Invocation& invocation;
    const Environment& caller;
    const Log& log;
    const HostFacts& host;
    const Store* store = nullptr;  ///< null: there is none yet, and nothing is to be made
    const Store* shared = nullptr; ///< --shared-root
    std::string store_path = {};
    UniqueFd workspace = {};          ///< an open directory
    std::string workspace_path = {};  ///< resolved
    std::string start_directory = {}; ///< of the command, relative to the workspace
    ShownPart shown = {};             ///< what is seen of it
    std::string epoch = {};           ///< SOURCE_DATE_EPOCH
    Checkpoint checkpoint = [] {};    ///< of what is done before and after a run
};

/// What one run is beyond its world.
struct BuildRun {
    const World& world;
    std::vector<std::string> command;
    std::string source = {}; ///< the directory that is seen as the workspace; empty: the workspace itself
    bool whole_workspace = false; ///< whatever --input says
    bool preserves_fds = true;    ///< those of --preserve-fds; they can be read once
    Onlooker* onlooker = nullptr;
    bool traces_reads = false; ///< the onlooker wants the root
    std::span<const sock_filter> lookups = {};
    std::function<int(const FinishedRun&)> finished = {};
};

/// Imports the image where it is new.
void provide_image(const BuildContext& context);

/// Throws Error. @return what `finished` says
int run_in_world(const BuildContext& context, const BuildRun& run, SignalSource& signals);

/// Where a build in this world sees things: for --dry-run.
int print_build_plan(const BuildContext& context, const World& world);

} // namespace sandbox
