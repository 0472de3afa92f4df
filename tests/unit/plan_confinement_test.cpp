// SPDX-License-Identifier: Apache-2.0
// What a plan lets the command do.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "plan/confinement.hpp"
#include "plan_support.hpp"

namespace sandbox::test {

namespace {

constexpr std::uint64_t all = ~std::uint64_t{0};

std::uint64_t bit(unsigned capability) {
    return std::uint64_t{1} << capability;
}

} // namespace

TEST(BoundingSet, IsTheCommonContainerProfiles) {
    EXPECT_EQ(bounding_set(Spec{}), 0x800405fbU);
}

TEST(BoundingSet, DropsAllBeforeItAddsAndSingleOnesAfterwards) {
    Spec spec;
    spec.process.dropped_capabilities = all;
    spec.process.added_capabilities = bit(CAP_KILL);
    EXPECT_EQ(bounding_set(spec), bit(CAP_KILL));
    spec.process.added_capabilities = all;
    spec.process.dropped_capabilities = bit(CAP_KILL);
    EXPECT_EQ(bounding_set(spec), ~bit(CAP_KILL));
}

TEST(BoundingSet, IsFullForSandboxesInside) {
    Spec spec;
    spec.sandbox.nested = true;
    EXPECT_EQ(bounding_set(spec), all);
    EXPECT_TRUE(allows_new_privileges(spec));
    EXPECT_NE(filter_capabilities(spec) & bit(CAP_SYS_ADMIN), 0U);
    EXPECT_EQ(filter_capabilities(spec) & bit(CAP_SYS_MODULE), 0U);
}

TEST(Confinement, IsOnUnlessAskedOtherwise) {
    PlanCase plan;
    EXPECT_TRUE(plan.compiled().plan().confinement.no_new_privileges);
    plan.spec.process.new_privileges = true;
    EXPECT_FALSE(plan.compiled().plan().confinement.no_new_privileges);
}

TEST(Confinement, CarriesLimitsOver) {
    PlanCase plan;
    plan.spec.process.resource_limits.push_back({RLIMIT_NOFILE, 10, 20, "--ulimit nofile=10:20"});
    const auto compiled = plan.compiled();
    const auto& limits = compiled.plan().confinement.limits;
    ASSERT_EQ(limits.count, 1U);
    EXPECT_EQ(limits.values[0].resource, RLIMIT_NOFILE);
    EXPECT_EQ(limits.values[0].soft, 10U);
    EXPECT_EQ(limits.values[0].hard, 20U);
}

TEST(Confinement, ACgroupOfItsOwnIsEnteredBeforeItsNamespaceIsMade) {
    PlanCase plan;
    EXPECT_FALSE(plan.compiled().plan().late_cgroup_namespace);
    plan.spec.sandbox.limits.processes = 10;
    const auto compiled = plan.compiled();
    EXPECT_TRUE(compiled.plan().late_cgroup_namespace);
    EXPECT_EQ(compiled.plan().clone_flags & CLONE_NEWCGROUP, 0U);
    plan.spec.sandbox.shared.push_back(Namespace::cgroup);
    EXPECT_FALSE(plan.compiled().plan().late_cgroup_namespace);
}

TEST(Confinement, ADeviceIsBoundSoThatItWorks) {
    PlanCase plan;
    plan.spec.sandbox.devices.push_back({"/dev/kvm", "/dev/dri/kvm", "--device"});
    const auto compiled = plan.compiled();
    const Step* step = step_on(compiled.plan(), "/dev/dri/kvm");
    ASSERT_NE(step, nullptr);
    EXPECT_EQ(step->mount_flags & MOUNT_ATTR_NODEV, 0U);
    EXPECT_NE(step->mount_flags & MOUNT_ATTR_NOSUID, 0U);
}

} // namespace sandbox::test
