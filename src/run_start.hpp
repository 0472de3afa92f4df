// SPDX-License-Identifier: Apache-2.0
// From what one start was gathered from to its end: rootfs -> plan -> run -> status.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/signals.hpp"
#include "host/host_facts.hpp"
#include "idmap/mapping.hpp"
#include "image/image.hpp"
#include "plan/compile.hpp"
#include "rootfs/rootfs.hpp"
#include "run/run.hpp"
#include "spec/environment.hpp"

namespace sandbox {

/// A run that has ended, and whose traces are still there.
struct FinishedRun {
    int status = 0;                 ///< what the command ended with
    std::string upper;              ///< path of the workspace's upper directory; empty: it is on a tmpfs
    const UniqueFd& upper_on_tmpfs; ///< the same, open
};

/// All that one start needs, gathered before anything is made. The references must outlive it.
struct Start {
    const Spec& spec;
    const Log& log;
    HostFacts host;
    Image image;
    Mapping mapping = {};
    std::vector<BindSource> bind_sources = {};
    ResolvedUser user = {};
    EtcFiles etc = {};
    std::vector<std::string> command = {};
    std::vector<std::string> environment = {};
    std::string directory = {};   ///< where the command starts
    bool makes_directory = false; ///< where that is missing: it is an image's WorkingDir
    bool tty = false;
    int stop_signal = SIGTERM;
    NetworkRequest network = {};
    std::vector<sock_filter> filter_memory = {};
    std::span<const sock_filter> filter = {};
    std::unique_ptr<SandboxCgroup> cgroup = {}; ///< where there are limits
    std::vector<HostPart> host_parts = {};      ///< of IMAGE host: what is seen; empty: all
    Onlooker* onlooker = nullptr;
    bool trace = false; ///< the onlooker wants the root
    std::span<const sock_filter> lookups = {};
    /// Called when everything inside has ended, before the writable layers are emptied. What it returns is
    /// the status.
    std::function<int(const FinishedRun&)> finished = [](const FinishedRun& run) { return run.status; };
};

/// What lies at the sources of bind and overlay mounts, as the caller sees it.
std::vector<BindSource> look_at_sources(const SandboxSpec& sandbox);

/// The files of /etc that say where it is.
EtcFiles find_etc_files(const SandboxSpec& sandbox, bool is_host);

/// What is opened outside before anything is started: ports and logs of the network, the filter, a cgroup.
/// Call it before a user namespace is entered. @param store null: no compiled profile is kept
void provide_confinement(Start& start, const Store* store, const Environment& caller);

/// Runs it by one way of storage after the other, until one can be set up. @param store null for IMAGE host
/// without a workspace
int run_start(Start& start, SignalSource& signals, const Store* store);

/// --dry-run. @param store_path where the store is, or would be
int print_plan(const Start& start, const std::string& store_path);

} // namespace sandbox
