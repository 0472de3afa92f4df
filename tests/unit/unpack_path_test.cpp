// SPDX-License-Identifier: Apache-2.0
// Names of archive entries: what is cleaned, and what is refused.
#include <gtest/gtest.h>

#include <string>

#include "base/error.hpp"
#include "unpack/entry_path.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {
namespace {

std::string cleaned(std::string_view raw) {
    return clean_path(raw, raw, "name");
}

TEST(UnpackPath, LeadingSlashesAndDotsAreStripped) {
    EXPECT_EQ(cleaned("/etc/passwd"), "etc/passwd");
    EXPECT_EQ(cleaned("./etc/passwd"), "etc/passwd");
    EXPECT_EQ(cleaned("//.//./etc/passwd"), "etc/passwd");
}

TEST(UnpackPath, InnerDotsAndDoubledAndTrailingSlashesAreStripped) {
    EXPECT_EQ(cleaned("etc/./ssl//certs/"), "etc/ssl/certs");
}

TEST(UnpackPath, NamesThatOnlyBeginWithDotsAreKept) {
    EXPECT_EQ(cleaned("..."), "...");
    EXPECT_EQ(cleaned(".a/..b/c.."), ".a/..b/c..");
}

TEST(UnpackPath, TheRootItselfIsEmpty) {
    EXPECT_EQ(cleaned("."), "");
    EXPECT_EQ(cleaned("./"), "");
    EXPECT_EQ(cleaned("/"), "");
}

TEST(UnpackPath, DotDotAnywhereIsRefusedAndNamed) {
    for (const char* raw : {"..", "../x", "a/../b", "a/..", "/../etc", "./.."}) {
        try {
            cleaned(raw);
            FAIL() << raw;
        } catch (const UsageError& error) {
            EXPECT_EQ(error.object(), raw);
        }
    }
}

TEST(UnpackPath, EmptyNamesAreRefused) {
    EXPECT_THROW(cleaned(""), UsageError);
}

TEST(UnpackPath, LimitsAreExact) {
    EXPECT_NO_THROW(cleaned(std::string(limits::component_bytes, 'n')));
    EXPECT_THROW(cleaned(std::string(limits::component_bytes + 1, 'n')), UsageError);

    std::string deep;
    for (std::size_t i = 0; i < limits::depth; ++i) {
        deep += "d/";
    }
    EXPECT_NO_THROW(cleaned(deep));
    EXPECT_THROW(cleaned(deep + "d"), UsageError);

    std::string wide(255, 'w');
    while (wide.size() < limits::path_bytes) {
        wide += '/' + std::string(255, 'w');
    }
    EXPECT_EQ(wide.size(), limits::path_bytes);
    EXPECT_NO_THROW(cleaned(wide));
    EXPECT_THROW(cleaned(wide + "/x"), UsageError);
}

TEST(UnpackPath, AMillionComponentsCostNoMemory) {
    std::string hostile;
    for (int i = 0; i < 1000000; ++i) {
        hostile += "./";
    }
    EXPECT_EQ(cleaned(hostile), "");
    EXPECT_LT(shorten(hostile).size(), 300U);
}

TEST(UnpackPath, SplitsAtTheLastSlash) {
    EXPECT_EQ(split_path("a/b/c").parent, "a/b");
    EXPECT_EQ(split_path("a/b/c").leaf, "c");
    EXPECT_EQ(split_path("c").parent, "");
    EXPECT_EQ(split_path("c").leaf, "c");
}

TEST(UnpackAttributes, UserAttributesAndFileCapabilitiesAreKept) {
    EXPECT_TRUE(keeps_attribute("user.mime_type"));
    EXPECT_TRUE(keeps_attribute("security.capability"));
}

TEST(UnpackAttributes, WhatSteersAnOverlayOrTheHostIsDropped) {
    for (const char* name :
         {"user.overlay.opaque", "user.overlay.redirect", "user.fuseoverlayfs.opaque",
          "user.containers.override_stat", "trusted.overlay.opaque", "trusted.x", "security.selinux",
          "security.ima", "security.capabilityx", "system.posix_acl_access", "", "user", "USER.x"}) {
        EXPECT_FALSE(keeps_attribute(name)) << name;
    }
}

} // namespace
} // namespace sandbox::unpack
