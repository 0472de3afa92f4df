// SPDX-License-Identifier: Apache-2.0
// The decisions of a plan: namespaces, ids, root, command.
#include <linux/sched.h>

#include "plan_support.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::PlanCase;
using test::refuses;
using test::strings_of;
using test::text_of;

constexpr std::uint64_t all_namespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

TEST(Plan, AnImageGetsEveryNamespaceButTime) {
    const auto compiled = PlanCase{}.compiled();
    EXPECT_EQ(compiled.plan().clone_flags, all_namespaces);
    EXPECT_FALSE(compiled.plan().new_time_namespace);
    EXPECT_EQ(compiled.plan().time_offsets, nullptr);
}

TEST(Plan, SharedNamespacesAreNotMade) {
    const std::pair<Namespace, std::uint64_t> flags[] = {{Namespace::pid, CLONE_NEWPID},
                                                         {Namespace::net, CLONE_NEWNET},
                                                         {Namespace::ipc, CLONE_NEWIPC},
                                                         {Namespace::uts, CLONE_NEWUTS},
                                                         {Namespace::cgroup, CLONE_NEWCGROUP}};
    for (const auto& [kind, flag] : flags) {
        PlanCase plan;
        plan.spec.sandbox.shared = {kind};
        EXPECT_EQ(plan.compiled().plan().clone_flags, all_namespaces & ~flag);
    }
}

TEST(Plan, TheUserNamespaceIsAlwaysNew) {
    PlanCase plan;
    plan.use_host_root();
    plan.spec.sandbox.shared = {Namespace::pid, Namespace::net,    Namespace::ipc,
                                Namespace::uts, Namespace::cgroup, Namespace::time};
    EXPECT_EQ(plan.compiled().plan().clone_flags, std::uint64_t{CLONE_NEWUSER | CLONE_NEWNS});
}

TEST(Plan, TheDefaultNetworkIsATap) {
    const auto compiled = PlanCase{}.compiled();
    const NetworkPlan& network = compiled.plan().network;
    EXPECT_TRUE(network.loopback);
    EXPECT_TRUE(network.tap);
    EXPECT_GT(network.mtu, 1500U);
}

TEST(Plan, NoNetworkIsALoopbackAlone) {
    PlanCase plan;
    plan.spec.sandbox.network.kind = Network::none;
    const auto compiled = plan.compiled();
    EXPECT_TRUE(compiled.plan().network.loopback);
    EXPECT_FALSE(compiled.plan().network.tap);
    EXPECT_NE(compiled.plan().clone_flags & CLONE_NEWNET, 0U);
}

TEST(Plan, TheHostsNetworkIsLeftAlone) {
    PlanCase shared;
    shared.spec.sandbox.shared = {Namespace::net};
    PlanCase host;
    host.spec.sandbox.network.kind = Network::host;
    for (const PlanCase* plan : {&shared, &host}) {
        const auto compiled = plan->compiled();
        EXPECT_FALSE(compiled.plan().network.loopback);
        EXPECT_FALSE(compiled.plan().network.tap);
        EXPECT_EQ(compiled.plan().clone_flags & CLONE_NEWNET, 0U);
    }
}

TEST(Plan, PingIsAllowedToEveryGroupOfTheMap) {
    EXPECT_EQ(text_of(PlanCase{}.compiled().plan().network.ping_group_range), "0 65536");
    PlanCase single;
    single.map(MapKind::single_root, MapWay::self);
    EXPECT_EQ(text_of(single.compiled().plan().network.ping_group_range), "0 0");
}

TEST(Plan, PingIsAllowedToEveryGroupOfASplitMapToo) {
    PlanCase keep;
    keep.map(MapKind::keep_id, MapWay::helpers);
    EXPECT_EQ(text_of(keep.compiled().plan().network.ping_group_range), "0 65536");
    PlanCase two;
    two.mapping.maps.gid = root_is_you(1000, {{100000, 1000}, {200000, 1000}});
    EXPECT_EQ(text_of(two.compiled().plan().network.ping_group_range), "0 2000");
}

TEST(Plan, ASingleMapIsWrittenByTheChild) {
    PlanCase plan;
    plan.map(MapKind::single_root, MapWay::self);
    const auto compiled = plan.compiled();
    EXPECT_EQ(text_of(compiled.plan().own_uid_map), "0 1000 1\n");
    EXPECT_EQ(text_of(compiled.plan().own_gid_map), "0 1000 1\n");
    EXPECT_TRUE(compiled.plan().become_root);
    EXPECT_FALSE(compiled.plan().credentials.set_groups);
}

TEST(Plan, AFullMapIsNotWrittenByTheChild) {
    const auto compiled = PlanCase{}.compiled();
    EXPECT_EQ(compiled.plan().own_uid_map, nullptr);
    EXPECT_EQ(compiled.plan().own_gid_map, nullptr);
    EXPECT_TRUE(compiled.plan().credentials.set_groups);
}

TEST(Plan, WithKeepIdTheSetUpIsDoneAsYouAndGivenToRoot) {
    PlanCase plan;
    plan.map(MapKind::keep_id, MapWay::helpers);
    const auto compiled = plan.compiled();
    EXPECT_FALSE(compiled.plan().become_root);
    EXPECT_TRUE(compiled.plan().owns_made_files);
    EXPECT_EQ(compiled.plan().credentials.uid, 1000U);
}

TEST(Plan, WithYourIdAloneThereIsNoRootToGiveTo) {
    PlanCase plan;
    plan.use_host_root();
    const auto compiled = plan.compiled();
    EXPECT_FALSE(compiled.plan().become_root);
    EXPECT_FALSE(compiled.plan().owns_made_files);
    EXPECT_EQ(text_of(compiled.plan().own_uid_map), "1000 1000 1\n");
}

TEST(Plan, AUserOutsideOfTheMapIsAUsageError) {
    PlanCase plan;
    plan.user.uid = 70000;
    EXPECT_TRUE(refuses([&] { (void)plan.compiled(); }, "--user", "user id 70000"));
    plan.user.uid = 0;
    plan.user.gid = 70000;
    EXPECT_TRUE(refuses([&] { (void)plan.compiled(); }, "--user", "group id 70000"));
    plan.user.gid = 65536;
    EXPECT_NO_THROW((void)plan.compiled());
}

TEST(Plan, ASingleMapSaysWhatWouldGiveMoreIds) {
    PlanCase plan;
    plan.map(MapKind::single_root, MapWay::self);
    plan.user.uid = 33;
    const auto failure = test::failure_of([&] { (void)plan.compiled(); });
    EXPECT_TRUE(test::contains(failure.hint, "/etc/subuid"));
}

TEST(Plan, GroupsOutsideOfTheMapAreLeftOut) {
    PlanCase plan;
    plan.user.groups = {4, 70000, 5};
    const auto compiled = plan.compiled();
    const auto& groups = compiled.plan().credentials.groups;
    EXPECT_EQ((std::vector<gid_t>{groups.begin(), groups.end()}), (std::vector<gid_t>{4, 5}));
}

TEST(Plan, TheHostNameIsKeptWithTheHostsUtsNamespace) {
    EXPECT_EQ(text_of(PlanCase{}.compiled().plan().hostname), "sandbox");
    PlanCase plan;
    plan.spec.sandbox.shared = {Namespace::uts};
    EXPECT_EQ(plan.compiled().plan().hostname, nullptr);
}

TEST(Plan, TimeOffsetsShiftBothClocks) {
    PlanCase plan;
    plan.spec.sandbox.time_offset = -86400;
    const auto compiled = plan.compiled();
    EXPECT_TRUE(compiled.plan().new_time_namespace);
    EXPECT_EQ(text_of(compiled.plan().time_offsets), "monotonic -86400 0\nboottime -86400 0\n");
}

TEST(Plan, TheRootIsMadeAsTheStorageSays) {
    const std::pair<RootStorage, RootKind> kinds[] = {{RootStorage::overlay_disk, RootKind::overlay},
                                                      {RootStorage::overlay_tmpfs, RootKind::overlay},
                                                      {RootStorage::fuse_overlay, RootKind::fuse_overlay},
                                                      {RootStorage::copy, RootKind::bind}};
    for (const auto& [storage, kind] : kinds) {
        PlanCase plan;
        plan.rootfs.storage = storage;
        const auto compiled = plan.compiled();
        EXPECT_EQ(compiled.plan().root.kind, kind);
        EXPECT_EQ(compiled.plan().root.upper_on_tmpfs, storage == RootStorage::overlay_tmpfs);
        EXPECT_FALSE(compiled.plan().root.read_only);
        EXPECT_EQ(strings_of(compiled.plan().root.layers), plan.rootfs.layers);
        EXPECT_EQ(text_of(compiled.plan().root.run_directory), "/store/runs/0");
    }
}

TEST(Plan, TheHostsRootIsReadOnlyWithItsSubmounts) {
    PlanCase plan;
    plan.use_host_root();
    const auto compiled = plan.compiled();
    EXPECT_EQ(compiled.plan().root.kind, RootKind::bind);
    EXPECT_TRUE(compiled.plan().root.read_only);
    EXPECT_TRUE(compiled.plan().root.recursive);
}

TEST(Plan, AReadOnlyRootIsSealedAtTheEnd) {
    PlanCase plan;
    EXPECT_FALSE(plan.compiled().plan().read_only_root);
    plan.spec.sandbox.read_only = true;
    EXPECT_TRUE(plan.compiled().plan().read_only_root);
}

TEST(Plan, ACommandWithoutSlashIsLookedForInItsPath) {
    EXPECT_EQ(strings_of(PlanCase{}.compiled().plan().process.candidates),
              (std::vector<std::string>{"/bin/id", "/usr/bin/id"}));
}

TEST(Plan, ACommandWithASlashIsTakenAsItIs) {
    PlanCase plan;
    plan.command = {"./configure", "--x"};
    EXPECT_EQ(strings_of(plan.compiled().plan().process.candidates),
              (std::vector<std::string>{"./configure"}));
}

TEST(Plan, WithoutPathTheUsualPlacesAreTried) {
    PlanCase plan;
    plan.environment = {"PATHS=/x"};
    const auto candidates = strings_of(plan.compiled().plan().process.candidates);
    ASSERT_EQ(candidates.size(), 6U);
    EXPECT_EQ(candidates.back(), "/bin/id");
}

// execvp(3): a zero-length prefix is the current directory.
TEST(Plan, AnEmptyPlaceInThePathIsTheWorkingDirectory) {
    PlanCase plan;
    plan.environment = {"PATH=/bin::/usr/bin"};
    EXPECT_EQ(strings_of(plan.compiled().plan().process.candidates),
              (std::vector<std::string>{"/bin/id", "./id", "/usr/bin/id"}));
}

TEST(Plan, ArgumentsAndEnvironmentAreNullTerminated) {
    PlanCase plan;
    plan.command = {"id", "", "-u"};
    const auto compiled = plan.compiled();
    const ProcessPlan& process = compiled.plan().process;
    EXPECT_STREQ(process.arguments[0], "id");
    EXPECT_STREQ(process.arguments[1], "");
    EXPECT_STREQ(process.arguments[2], "-u");
    EXPECT_EQ(process.arguments[3], nullptr);
    EXPECT_STREQ(process.environment[1], "HOME=/root");
    EXPECT_EQ(process.environment[2], nullptr);
}

TEST(Plan, StaysWhereItIsWhenMoved) {
    PlanCase plan;
    CompiledPlan first = plan.compiled();
    const Plan* address = &first.plan();
    const CompiledPlan second = std::move(first);
    EXPECT_EQ(&second.plan(), address);
    EXPECT_STREQ(second.plan().process.arguments[0], "id");
}

TEST(Plan, TheProcessIsAsAsked) {
    PlanCase plan;
    plan.spec.process.init = false;
    plan.spec.process.preserved_fds = 3;
    plan.tty = true;
    plan.directory = "/srv";
    const auto compiled = plan.compiled();
    EXPECT_FALSE(compiled.plan().process.init);
    EXPECT_EQ(compiled.plan().process.preserved_fds, 3U);
    EXPECT_TRUE(compiled.plan().process.tty);
    EXPECT_EQ(text_of(compiled.plan().process.directory), "/srv");
}

} // namespace
} // namespace sandbox
