// SPDX-License-Identifier: Apache-2.0
// Values of the options that confine.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>

#include "base/error.hpp"
#include "spec/confinement.hpp"

namespace sandbox::test {

namespace {

std::uint64_t bit(unsigned capability) {
    return std::uint64_t{1} << capability;
}

} // namespace

TEST(Capability, HasANameWithOrWithoutItsPrefixInAnyCase) {
    for (const char* name : {"CAP_SYS_ADMIN", "SYS_ADMIN", "cap_sys_admin", "sys_admin", "Cap_Sys_Admin"}) {
        EXPECT_EQ(parse_capability("--cap-add", name), bit(CAP_SYS_ADMIN)) << name;
    }
    EXPECT_EQ(parse_capability("--cap-add", "chown"), bit(CAP_CHOWN));
    EXPECT_EQ(parse_capability("--cap-add", "checkpoint_restore"), bit(CAP_CHECKPOINT_RESTORE));
    EXPECT_EQ(parse_capability("--cap-add", "ALL"), ~std::uint64_t{0});
}

TEST(Capability, ThatIsNoneIsRefused) {
    for (const char* name : {"", "cap_", "sys", "cap_all", "cap_cap_chown", "chown "}) {
        EXPECT_THROW((void)parse_capability("--cap-add", name), UsageError) << name;
    }
}

TEST(Seccomp, TakesThreeWordsAndPaths) {
    EXPECT_EQ(parse_seccomp("default", "/d").kind, FilterKind::standard);
    EXPECT_EQ(parse_seccomp("log", "/d").kind, FilterKind::report);
    EXPECT_EQ(parse_seccomp("unconfined", "/d").kind, FilterKind::none);
    EXPECT_EQ(parse_seccomp("/p.json", "/d").path, "/p.json");
    EXPECT_EQ(parse_seccomp("p.json", "/d").path, "/d/p.json");
    EXPECT_EQ(parse_seccomp("./log", "/d").path, "/d/./log");
    EXPECT_THROW((void)parse_seccomp("", "/d"), UsageError);
    EXPECT_THROW((void)parse_seccomp("p.json", ""), UsageError);
}

TEST(Ulimit, HasOneValueOrTwo) {
    const ResourceLimit one = parse_ulimit("nofile=100");
    EXPECT_EQ(one.resource, RLIMIT_NOFILE);
    EXPECT_EQ(one.soft, 100U);
    EXPECT_EQ(one.hard, 100U);
    const ResourceLimit two = parse_ulimit("CORE=0:unlimited");
    EXPECT_EQ(two.resource, RLIMIT_CORE);
    EXPECT_EQ(two.soft, 0U);
    EXPECT_EQ(two.hard, RLIM_INFINITY);
    EXPECT_EQ(parse_ulimit("stack=-1").soft, RLIM_INFINITY);
}

TEST(Ulimit, ThatIsNoneIsRefused) {
    for (const char* text :
         {"", "=", "nofile", "nofile=", "nofile=:", "nofile=1:", "nofile=1:2:3", "nofile=2:1",
          "nofile=unlimited:1", "nofile=-2", "nofile=0x1", "files=1", "nofile=99999999999999999999"}) {
        EXPECT_THROW((void)parse_ulimit(text), UsageError) << text;
    }
}

TEST(Device, HasOnePathOrTwo) {
    EXPECT_EQ(parse_device("/dev/kvm").target, "/dev/kvm");
    EXPECT_EQ(parse_device("/dev/kvm:/dev/other").source, "/dev/kvm");
    EXPECT_EQ(parse_device("/dev/kvm:/dev/other").target, "/dev/other");
    for (const char* text :
         {"", ":", "kvm", "/dev/kvm:", "/dev/kvm:kvm", "/dev/kvm:/a:rwm", "/dev/..", "/dev/"}) {
        EXPECT_THROW((void)parse_device(text), UsageError) << text;
    }
}

TEST(Cpus, AreMicrosecondsInEachTenthOfASecond) {
    EXPECT_EQ(parse_cpus("1"), 100'000U);
    EXPECT_EQ(parse_cpus("0.5"), 50'000U);
    EXPECT_EQ(parse_cpus("2.25"), 225'000U);
    EXPECT_EQ(parse_cpus("0.01"), 1'000U);
    EXPECT_EQ(parse_cpus("1.5000000"), 150'000U);
    for (const char* text : {"", "0", "0.001", "-1", "x", ".", "1.x", "1e3", "1.-5", "99999999"}) {
        EXPECT_THROW((void)parse_cpus(text), UsageError) << text;
    }
}

TEST(Memory, IsASizeOfAMebibyteAtLeast) {
    EXPECT_EQ(parse_memory("512m"), std::uint64_t{512} << 20);
    EXPECT_EQ(parse_memory("2G"), std::uint64_t{2} << 30);
    for (const char* text : {"", "0", "1k", "m", "-1m"}) {
        EXPECT_THROW((void)parse_memory(text), UsageError) << text;
    }
}

TEST(DeviceRate, IsAPathAndBytesASecond) {
    const DeviceRate read = parse_device_rate("--device-read-bps", "/dev/vda:10m");
    EXPECT_EQ(read.device, "/dev/vda");
    EXPECT_EQ(read.bytes_per_second, 10U << 20);
    EXPECT_FALSE(read.write);
    EXPECT_TRUE(parse_device_rate("--device-write-bps", "/dev/disk/by-path/x:0:1g").write);
    EXPECT_EQ(parse_device_rate("--device-write-bps", "/dev/disk/by-path/x:0:1g").device,
              "/dev/disk/by-path/x:0");
}

TEST(DeviceRate, ThatIsNoneIsRefused) {
    for (const char* text :
         {"", ":", "/dev/vda", "/dev/vda:", "/dev/vda:0", "/dev/vda:fast", "vda:1m", ":1m"}) {
        EXPECT_THROW((void)parse_device_rate("--device-read-bps", text), UsageError) << text;
    }
}

TEST(PidsLimit, IsOneAtLeast) {
    EXPECT_EQ(parse_pids_limit("1"), 1U);
    for (const char* text : {"", "0", "-1", "99999999"}) {
        EXPECT_THROW((void)parse_pids_limit(text), UsageError) << text;
    }
}

} // namespace sandbox::test
