// SPDX-License-Identifier: Apache-2.0
// The mounts of a plan: which there are, and in which order.
#include <sys/mount.h>

#include "plan_support.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::contains;
using test::place_of;
using test::PlanCase;
using test::step_on;
using test::text_of;

TEST(Steps, EveryRootHasProcSysAndDev) {
    const auto compiled = PlanCase{}.compiled();
    const Plan& plan = compiled.plan();
    for (const char* target : {"/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"}) {
        EXPECT_GE(place_of(plan, StepKind::file_system, target), 0) << target;
    }
    for (const char* node : {"null", "zero", "full", "random", "urandom", "tty"}) {
        EXPECT_NE(step_on(plan, std::string{"/dev/"} + node), nullptr) << node;
    }
    for (const char* link : {"fd", "stdin", "stdout", "stderr", "ptmx"}) {
        EXPECT_GE(place_of(plan, StepKind::symlink, std::string{"/dev/"} + link), 0) << link;
    }
    for (const char* file : {"hosts", "hostname", "resolv.conf"}) {
        EXPECT_GE(place_of(plan, StepKind::bind_inside, std::string{"/etc/"} + file), 0) << file;
    }
}

TEST(Steps, TheHostsDevicesAreNotThere) {
    const auto compiled = PlanCase{}.compiled();
    for (const char* node : {"/dev/net/tun", "/dev/fuse", "/dev/kvm", "/dev/mem"}) {
        EXPECT_EQ(step_on(compiled.plan(), node), nullptr) << node;
    }
}

TEST(Steps, SysIsReadOnly) {
    const auto compiled = PlanCase{}.compiled();
    EXPECT_NE(step_on(compiled.plan(), "/sys")->mount_flags & MS_RDONLY, 0U);
}

// CVE-2019-19921, CVE-2025-31133 and kin: an image's links must not move these.
TEST(Steps, StandardMountsRefuseLinks) {
    const auto compiled = PlanCase{}.compiled();
    for (const Step& step : compiled.plan().steps) {
        const std::string target = text_of(step.target);
        const bool is_mount = step.kind == StepKind::file_system || step.kind == StepKind::bind;
        if (is_mount && (target == "/proc" || target == "/sys" || target.starts_with("/dev")) &&
            target != "/dev/shm") {
            EXPECT_NE(step.behaviour & step_no_symlinks, 0U) << target;
        }
    }
}

TEST(Steps, NothingIsMountedWithoutNosuidButDevices) {
    PlanCase plan;
    plan.bind("/src", "/dst");
    plan.spec.sandbox.mounts.emplace_back(TmpfsMount{"/t"});
    const auto compiled = plan.compiled();
    for (const Step& step : compiled.plan().steps) {
        if (step.kind == StepKind::file_system) {
            EXPECT_NE(step.mount_flags & MS_NOSUID, 0U) << text_of(step.target);
        }
        if (step.kind == StepKind::bind && !text_of(step.target).starts_with("/dev/")) {
            EXPECT_NE(step.mount_flags & MOUNT_ATTR_NOSUID, 0U) << text_of(step.target);
        }
    }
}

TEST(Steps, TheUsersMountsComeAfterTheStandardOnesInOrder) {
    PlanCase plan;
    plan.spec.sandbox.read_only = true;
    plan.bind("/one", "/dev/one");
    plan.spec.sandbox.mounts.emplace_back(TmpfsMount{"/tmp/two", 4096, 0700});
    plan.bind("/three", "/tmp/two/three");
    const auto compiled = plan.compiled();
    const int first = place_of(compiled.plan(), StepKind::bind, "/dev/one");
    const int second = place_of(compiled.plan(), StepKind::file_system, "/tmp/two");
    const int third = place_of(compiled.plan(), StepKind::bind, "/tmp/two/three");
    for (const char* standard : {"/proc", "/sys", "/dev", "/dev/shm", "/tmp", "/run", "/var/tmp"}) {
        EXPECT_LT(place_of(compiled.plan(), StepKind::file_system, standard), first) << standard;
    }
    EXPECT_LT(place_of(compiled.plan(), StepKind::bind_inside, "/etc/resolv.conf"), first);
    EXPECT_LT(first, second);
    EXPECT_LT(second, third);
}

TEST(Steps, MasksComeAfterTheUsersMounts) {
    PlanCase plan;
    plan.use_root_caller();
    plan.bind("/src", "/proc/keys");
    const auto compiled = plan.compiled();
    const int user = place_of(compiled.plan(), StepKind::bind, "/proc/keys");
    EXPECT_GE(user, 0);
    EXPECT_GT(place_of(compiled.plan(), StepKind::mask, "/proc/keys"), user);
    EXPECT_GT(place_of(compiled.plan(), StepKind::bind_inside, "/proc/sys"), user);
}

TEST(Steps, TheConsoleIsLast) {
    PlanCase plan;
    plan.tty = true;
    const auto compiled = plan.compiled();
    const auto& steps = compiled.plan().steps;
    EXPECT_EQ(steps.values[steps.count - 1].kind, StepKind::console);
}

TEST(Steps, WithoutATerminalTheConsoleIsALinkToNull) {
    const auto compiled = PlanCase{}.compiled();
    const Step* console = step_on(compiled.plan(), "/dev/console");
    EXPECT_EQ(console->kind, StepKind::symlink);
    EXPECT_STREQ(console->source, "null");
}

TEST(Steps, ABindIsCheckedAgainstWhatWasSeen) {
    PlanCase plan;
    plan.bind("/src", "/dst", true);
    plan.bind("/file", "/etc/file", false, false);
    const auto compiled = plan.compiled();
    const Step* directory = step_on(compiled.plan(), "/dst");
    EXPECT_EQ(directory->source_device, 7U);
    EXPECT_EQ(directory->source_inode, 4711U);
    EXPECT_NE(directory->behaviour & step_recursive, 0U);
    EXPECT_EQ(directory->behaviour & step_create_file, 0U);
    EXPECT_NE(directory->mount_flags & MOUNT_ATTR_RDONLY, 0U);
    EXPECT_EQ(text_of(directory->option), "--volume /src");
    const Step* file = step_on(compiled.plan(), "/etc/file");
    EXPECT_NE(file->behaviour & step_create_file, 0U);
    EXPECT_EQ(file->mount_flags & MOUNT_ATTR_RDONLY, 0U);
}

TEST(Steps, ATmpfsHasItsSizeAndMode) {
    PlanCase plan;
    plan.spec.sandbox.mounts.emplace_back(TmpfsMount{"/a", 1 << 20, 0755});
    plan.spec.sandbox.mounts.emplace_back(TmpfsMount{"/b"});
    const auto compiled = plan.compiled();
    EXPECT_EQ(text_of(step_on(compiled.plan(), "/a")->options), "mode=0755,size=1048576");
    EXPECT_EQ(text_of(step_on(compiled.plan(), "/b")->options), "mode=1777");
}

TEST(Steps, AReadOnlyRootHasWritablePlaces) {
    PlanCase plan;
    EXPECT_EQ(step_on(plan.compiled().plan(), "/tmp"), nullptr);
    plan.spec.sandbox.read_only = true;
    const auto compiled = plan.compiled();
    for (const char* target : {"/tmp", "/run", "/var/tmp"}) {
        EXPECT_GE(place_of(compiled.plan(), StepKind::file_system, target), 0) << target;
    }
}

TEST(Steps, TheHostsRootHasPrivatePlacesAndNoHome) {
    PlanCase plan;
    plan.use_host_root();
    const auto compiled = plan.compiled();
    for (const char* target : {"/tmp", "/run", "/var/tmp", "/home/me"}) {
        EXPECT_GE(place_of(compiled.plan(), StepKind::file_system, target), 0) << target;
    }
    EXPECT_EQ(text_of(step_on(compiled.plan(), "/home/me")->options), "mode=0700,uid=1000,gid=1000");
}

TEST(Steps, AHomeIsSeenAsFarAsAskedFor) {
    PlanCase plan;
    plan.use_host_root();
    plan.spec.sandbox.home = HomeView::read_only;
    EXPECT_EQ(step_on(plan.compiled().plan(), "/home/me"), nullptr);
    plan.spec.sandbox.home = HomeView::read_write;
    const auto compiled = plan.compiled();
    const Step* home = step_on(compiled.plan(), "/home/me");
    ASSERT_NE(home, nullptr);
    EXPECT_EQ(home->kind, StepKind::bind);
    EXPECT_EQ(text_of(home->source), "/home/me");
    EXPECT_EQ(home->mount_flags & MOUNT_ATTR_RDONLY, 0U);
}

TEST(Steps, AnImageShowsNoHomeOfTheCallers) {
    EXPECT_EQ(step_on(PlanCase{}.compiled().plan(), "/home/me"), nullptr);
}

TEST(Steps, WithoutRootInsideNothingNamesIdZero) {
    PlanCase plan;
    plan.use_host_root();
    const auto compiled = plan.compiled();
    for (const Step& step : compiled.plan().steps) {
        EXPECT_FALSE(contains(text_of(step.options), "uid=0")) << text_of(step.target);
        EXPECT_FALSE(contains(text_of(step.options), "gid=5")) << text_of(step.target);
    }
    EXPECT_TRUE(contains(text_of(step_on(PlanCase{}.compiled().plan(), "/dev/pts")->options), "newinstance"));
}

TEST(Steps, TerminalsBelongToTheTtyGroupWhereItIsMapped) {
    const auto compiled = PlanCase{}.compiled();
    EXPECT_TRUE(contains(text_of(step_on(compiled.plan(), "/dev/pts")->options), ",gid=5"));
}

// Without a namespace of its own the kernel forbids a fresh instance.
TEST(Steps, SharedNamespacesBindTheHostsViews) {
    PlanCase plan;
    plan.spec.sandbox.shared = {Namespace::pid, Namespace::net, Namespace::ipc};
    const auto compiled = plan.compiled();
    for (const char* target : {"/proc", "/sys", "/dev/shm", "/dev/mqueue"}) {
        EXPECT_GE(place_of(compiled.plan(), StepKind::bind, target), 0) << target;
        EXPECT_EQ(place_of(compiled.plan(), StepKind::file_system, target), -1) << target;
    }
    EXPECT_NE(step_on(compiled.plan(), "/sys")->mount_flags & MOUNT_ATTR_RDONLY, 0U);
}

TEST(Steps, NestedMakesRoomForSandboxesInside) {
    PlanCase plan;
    plan.spec.sandbox.nested = true;
    const auto compiled = plan.compiled();
    for (const char* node : {"/dev/net/tun", "/dev/fuse"}) {
        const Step* step = step_on(compiled.plan(), node);
        ASSERT_NE(step, nullptr) << node;
        EXPECT_NE(step->behaviour & step_optional, 0U) << node;
    }
    EXPECT_EQ(place_of(compiled.plan(), StepKind::mask, "/proc/keys"), -1);
}

TEST(Masks, APlainCallersSandboxHidesKeys) {
    const auto compiled = PlanCase{}.compiled();
    EXPECT_GE(place_of(compiled.plan(), StepKind::mask, "/proc/keys"), 0);
    EXPECT_EQ(place_of(compiled.plan(), StepKind::bind_inside, "/proc/sys"), -1);
}

TEST(Masks, WhatTheHostsRootOwnsIsClosedToARootCaller) {
    PlanCase plan;
    plan.use_root_caller();
    const auto compiled = plan.compiled();
    for (const char* path : {"/proc/keys", "/proc/kcore", "/sys/firmware", "/proc/scsi"}) {
        EXPECT_GE(place_of(compiled.plan(), StepKind::mask, path), 0) << path;
    }
    for (const char* path : {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"}) {
        const int place = place_of(compiled.plan(), StepKind::bind_inside, path);
        ASSERT_GE(place, 0) << path;
        EXPECT_NE(compiled.plan().steps.values[place].mount_flags & MOUNT_ATTR_RDONLY, 0U) << path;
    }
}

TEST(Masks, NestedDoesNotOpenThemToARootCaller) {
    PlanCase plan;
    plan.use_root_caller();
    plan.spec.sandbox.nested = true;
    const auto compiled = plan.compiled();
    EXPECT_GE(place_of(compiled.plan(), StepKind::bind_inside, "/proc/sys"), 0);
    EXPECT_GE(place_of(compiled.plan(), StepKind::mask, "/proc/kcore"), 0);
}

// The host's /proc, bound: /proc/sys and /proc/sysrq-trigger in it belong to the host's root.
TEST(Masks, SharingPidsDoesNotOpenThemToARootCaller) {
    PlanCase plan;
    plan.use_root_caller();
    plan.spec.sandbox.shared = {Namespace::pid};
    const auto compiled = plan.compiled();
    EXPECT_GE(place_of(compiled.plan(), StepKind::bind_inside, "/proc/sys"), 0);
    EXPECT_GE(place_of(compiled.plan(), StepKind::bind_inside, "/proc/sysrq-trigger"), 0);
    EXPECT_GE(place_of(compiled.plan(), StepKind::mask, "/proc/kcore"), 0);
}

TEST(Timezone, AZoneReplacesTheImagesLink) {
    PlanCase plan;
    EXPECT_EQ(step_on(plan.compiled().plan(), "/etc/localtime"), nullptr);
    plan.spec.sandbox.timezone = "Europe/Berlin";
    const auto compiled = plan.compiled();
    const Step* step = step_on(compiled.plan(), "/etc/localtime");
    ASSERT_NE(step, nullptr);
    EXPECT_EQ(text_of(step->source), "/usr/share/zoneinfo/Europe/Berlin");
    EXPECT_NE(step->behaviour & step_replace_symlink, 0U);
    plan.spec.sandbox.timezone = "local";
    EXPECT_EQ(text_of(step_on(plan.compiled().plan(), "/etc/localtime")->source), "/etc/localtime");
}

TEST(EtcFiles, ResolvConfKeepsSearchDomainsAndAsksTheHelper) {
    SandboxSpec sandbox;
    EXPECT_EQ(resolv_conf_text(sandbox, "search a.example\nnameserver 192.0.2.1\noptions edns0\n"),
              "search a.example\noptions edns0\nnameserver 10.0.2.3\n");
    sandbox.network.kind = Network::none;
    EXPECT_EQ(resolv_conf_text(sandbox, "nameserver 192.0.2.1\n"), "");
    sandbox.network.kind = Network::host;
    EXPECT_EQ(resolv_conf_text(sandbox, "nameserver 192.0.2.1\n"), "nameserver 192.0.2.1\n");
}

TEST(EtcFiles, ResolvConfHoldsTheSearchDomainsAskedFor) {
    SandboxSpec sandbox;
    sandbox.network.search_domains = {"b.example", "c.example"};
    EXPECT_EQ(resolv_conf_text(sandbox, "search a.example\noptions edns0\n"),
              "options edns0\nsearch b.example c.example\nnameserver 10.0.2.3\n");
}

TEST(EtcFiles, HostsHoldTheLinesAskedFor) {
    SandboxSpec sandbox;
    sandbox.network.hosts = {{"db", *parse_ip_address("192.0.2.7")},
                             {"v6", *parse_ip_address("2001:db8::1")}};
    EXPECT_TRUE(contains(hosts_text(sandbox, ""), "192.0.2.7 db\n2001:db8::1 v6\n"));
}

TEST(EtcFiles, HostsNameTheSandbox) {
    SandboxSpec sandbox;
    sandbox.hostname = "box";
    EXPECT_TRUE(contains(hosts_text(sandbox, ""), "\n10.0.2.15 box\n"));
    EXPECT_TRUE(contains(hosts_text(sandbox, ""), "127.0.0.1 localhost\n"));
    sandbox.network.kind = Network::none;
    EXPECT_TRUE(contains(hosts_text(sandbox, ""), "\n127.0.1.1 box\n"));
    EXPECT_EQ(hosts_text(sandbox, "192.0.2.1 x"), "192.0.2.1 x\n127.0.1.1 box\n");
    sandbox.shared = {Namespace::uts};
    EXPECT_FALSE(contains(hosts_text(sandbox, ""), "box"));
}

// --share net is the host's network as --network host is: 10.0.2.15 is nobody's address there.
TEST(EtcFiles, ASharedNetworkHasNoAddressOfTheHelpers) {
    SandboxSpec sandbox;
    sandbox.shared = {Namespace::net};
    EXPECT_FALSE(contains(hosts_text(sandbox, ""), "10.0.2.15"));
}

} // namespace
} // namespace sandbox
