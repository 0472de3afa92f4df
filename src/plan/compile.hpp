// SPDX-License-Identifier: Apache-2.0
// From what was asked for and what is there to a Plan. Pure: it looks at nothing but its arguments.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/host_facts.hpp"
#include "idmap/mapping.hpp"
#include "plan/plan.hpp"
#include "plan/standard_mounts.hpp"
#include "rootfs/rootfs.hpp"
#include "rootfs/users.hpp"
#include "spec/environment.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// What the parent saw at the source of a mount; one for each BindMount and OverlayMount of the spec, in
/// order.
struct BindSource {
    std::string path; ///< resolved, absolute
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    bool is_directory = false;
};

/// Everything a plan is made of.
struct PlanInputs {
    const Spec& spec;
    const HostFacts& host;
    const Rootfs& rootfs;
    const Mapping& mapping;
    const ResolvedUser& user;
    const std::vector<BindSource>& bind_sources;
    EtcFiles etc;
    std::vector<std::string> command;     ///< argv; never empty
    std::vector<std::string> environment; ///< "NAME=VALUE"
    std::string directory;                ///< where the command starts
    bool tty = false;
    std::span<const sock_filter> filter;       ///< must outlive the plan; empty: none
    bool trace = false;                        ///< TracePlan::opened_files
    bool makes_directory = false;              ///< where `directory` is missing: it is an image's WorkingDir
    std::span<const sock_filter> lookups = {}; ///< likewise; empty: none
};

/// A Plan together with the memory it points into. Movable; the Plan stays where it is.
class CompiledPlan {
  public:
    CompiledPlan();
    CompiledPlan(CompiledPlan&&) noexcept;
    CompiledPlan& operator=(CompiledPlan&&) noexcept;
    ~CompiledPlan();

    [[nodiscard]] const Plan& plan() const noexcept;

  private:
    friend CompiledPlan compile(const PlanInputs& inputs);
    struct Memory;
    std::unique_ptr<Memory> memory_;
};

/// Throws UsageError where the request cannot be met: a user outside of the id map, for example.
CompiledPlan compile(const PlanInputs& inputs);

/// Where the command starts, unless the user says: in a sandbox of the host's root: the caller's directory
/// where it can be seen there, else "/".
std::string visible_directory(const Spec& spec, const HostFacts& host);

} // namespace sandbox
