// SPDX-License-Identifier: Apache-2.0
// The doctor's words: fixes that fit the distribution, findings as text and JSON.
#include <gtest/gtest.h>

#include "doctor/distribution.hpp"
#include "doctor/doctor.hpp"
#include "support.hpp"

using namespace sandbox;

namespace {

const std::vector<Finding> mixed = {
    {"alpha", Finding::State::ok, "fine", ""},
    {"beta", Finding::State::degraded, "slow", "buy another"},
    {"gamma", Finding::State::missing, "no \x1b[2J", ""},
};

} // namespace

TEST(InstallCommand, FollowsTheDistribution) {
    EXPECT_EQ(install_command("NAME=x\nID=debian\n", Package::map_helpers), "sudo apt install uidmap");
    EXPECT_EQ(install_command("ID=fedora\n", Package::fuse_overlayfs), "sudo dnf install fuse-overlayfs");
}

TEST(InstallCommand, KnowsADistributionByItsRelatives) {
    EXPECT_EQ(install_command("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Package::map_helpers),
              "sudo apt install uidmap");
    EXPECT_EQ(install_command("ID='rocky'\nID_LIKE='rhel centos fedora'\n", Package::map_helpers),
              "sudo dnf install shadow-utils");
}

TEST(InstallCommand, SaysWhatIsNeededWhereItKnowsNoPackageManager) {
    EXPECT_EQ(install_command("", Package::fuse_overlayfs), "install the package fuse-overlayfs");
    EXPECT_EQ(install_command("ID=\nID_LIKE=\n", Package::fuse_overlayfs),
              "install the package fuse-overlayfs");
}

TEST(Findings, OnlyWhatIsMissingStopsTheMainJob) {
    EXPECT_FALSE(main_job_works(mixed));
    EXPECT_TRUE(main_job_works({mixed[0], mixed[1]}));
}

TEST(Findings, AreALineEachWithTheFixBelow) {
    EXPECT_EQ(findings_text(mixed),
              "ok        alpha               fine\n"
              "degraded  beta                slow\n"
              "          fix: buy another\n"
              "missing   gamma               no \\x1b[2J\n"
              "sandbox does not work here yet.\n");
}

TEST(Findings, AreAnObjectInJson) {
    EXPECT_EQ(findings_json({mixed[1]}),
              "{\"works\":true,\"findings\":[{\"name\":\"beta\",\"state\":\"degraded\",\"detail\":\"slow\","
              "\"fix\":\"buy another\"}]}\n");
}
