// SPDX-License-Identifier: Apache-2.0
// --dry-run: what people and programs read of a plan.
#include "plan/print.hpp"

#include "plan_support.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::contains;
using test::PlanCase;

std::string text_of(const PlanCase& plan) {
    return plan_text(plan.compiled().plan(), plan.mapping, plan.spec.sandbox.limits);
}
std::string json_of(const PlanCase& plan) {
    return plan_json(plan.compiled().plan(), plan.mapping, plan.spec.sandbox.limits);
}

TEST(PlanText, NamesNamespacesMapsRootAndCommand) {
    PlanCase plan;
    plan.command = {"ls", "-l"};
    const std::string text = text_of(plan);
    for (const char* part : {"namespaces: user mount pid net ipc uts cgroup\n", "  0 1000 1\n",
                             "  1 100000 65536\n", "gid map:\n", "root: overlay, writes on disk\n",
                             "  /store/layers/abc/root\n", "  mount proc on /proc\n", "network: user-mode",
                             "hostname: sandbox\n", "user: 0:0\n", "directory: /\n", "command: ls -l\n"}) {
        EXPECT_TRUE(contains(text, part)) << part;
    }
}

TEST(PlanText, EveryLimitIsALine) {
    PlanCase plan;
    plan.spec.sandbox.limits = {1048576, 50000, 10, {{"/dev/vda", 4096, true, "--device-write-bps"}}};
    const std::string text = text_of(plan);
    for (const char* part : {"limit: memory 1048576\n", "limit: cpu 50000 of 100000\n",
                             "limit: processes 10\n", "limit: write /dev/vda 4096 a second\n"}) {
        EXPECT_TRUE(contains(text, part)) << part << text;
    }
    EXPECT_TRUE(contains(json_of(plan), R"("limits":["memory 1048576","cpu 50000 of 100000")"));
}

TEST(PlanText, EveryMountIsALine) {
    PlanCase plan;
    plan.bind("/src", "/dst");
    plan.spec.sandbox.mounts.emplace_back(TmpfsMount{"/t", 4096, 0700});
    const std::string text = text_of(plan);
    EXPECT_TRUE(contains(text, "  bind /src on /dst\n"));
    EXPECT_TRUE(contains(text, "  mount tmpfs on /t (mode=0700,size=4096)\n"));
    EXPECT_TRUE(contains(text, "  hide /proc/keys\n"));
}

TEST(PlanText, ControlBytesDoNotReachTheTerminal) {
    PlanCase plan;
    plan.command = {"\x1b[2J"};
    plan.directory = "/\x1b]0;x\a";
    plan.rootfs.layers = {"/\x1b[31m"};
    plan.bind("/a\nb", "/\x1b");
    EXPECT_FALSE(contains(text_of(plan), "\x1b"));
    EXPECT_FALSE(contains(text_of(plan), "/a\nb"));
}

TEST(PlanText, TheHostsRootAndNetworkAreNamed) {
    PlanCase plan;
    plan.use_host_root();
    plan.spec.sandbox.network.kind = Network::host;
    const std::string text = text_of(plan);
    EXPECT_TRUE(contains(text, "root: bind, read-only\n"));
    EXPECT_TRUE(contains(text, "network: the host's\n"));
    EXPECT_TRUE(contains(text, "user: 1000:1000\ncapabilities: none\n"));
    plan.spec.sandbox.network.kind = Network::none;
    EXPECT_TRUE(contains(text_of(plan), "network: none\n"));
}

TEST(PlanText, ATimeNamespaceIsNamed) {
    PlanCase plan;
    plan.spec.sandbox.time_offset = 1;
    EXPECT_TRUE(contains(text_of(plan), " cgroup time\n"));
}

TEST(PlanText, AReadOnlyRootIsSaid) {
    PlanCase plan;
    plan.spec.sandbox.read_only = true;
    EXPECT_TRUE(contains(text_of(plan), "read-only"));
    EXPECT_NE(json_of(plan), json_of(PlanCase{}));
}

TEST(PlanJson, HoldsTheSame) {
    PlanCase plan;
    plan.command = {"ls", "a \"b\""};
    const std::string json = json_of(plan);
    for (const char* part :
         {R"({"namespaces":["user","mount","pid","net","ipc","uts","cgroup"],)",
          R"("uid_map":[{"inside":0,"outside":1000,"count":1},{"inside":1,"outside":100000,"count":65536}])",
          R"("root":{"kind":"overlay, writes on disk","layers":["/store/layers/abc/root"])",
          R"("network":"slirp")", R"("hostname":"sandbox")", R"("uid":0,"gid":0)", R"("directory":"/")",
          R"("command":["ls","a \"b\""])", R"("environment":["PATH=/bin:/usr/bin","HOME=/root"])"}) {
        EXPECT_TRUE(contains(json, part)) << part;
    }
    EXPECT_TRUE(json.ends_with("}\n"));
}

TEST(PlanJson, NetworksHaveTheOptionsNames) {
    PlanCase plan;
    plan.spec.sandbox.network.kind = Network::none;
    EXPECT_TRUE(contains(json_of(plan), R"("network":"none")"));
    plan.spec.sandbox.network.kind = Network::host;
    EXPECT_TRUE(contains(json_of(plan), R"("network":"host")"));
}

} // namespace
} // namespace sandbox
