// SPDX-License-Identifier: Apache-2.0
// The choice among platforms, and the look at an archive's beginning.
#include "unpack/manifest.hpp"

#include <gtest/gtest.h>

#include "support.hpp"
#include "unpack/first_names.hpp"

namespace sandbox::unpack {
namespace {

Descriptor image(const std::string& digit, std::optional<Platform> platform) {
    Descriptor result;
    result.digest = "sha256:" + std::string(64, digit[0]);
    result.platform = std::move(platform);
    return result;
}

std::string chosen(const std::vector<Descriptor>& images, const Platform& host) {
    return choose_image(images, host).digest.substr(7, 1);
}

TEST(Platforms, OfMachinesAreGosNames) {
    EXPECT_EQ(platform_of("x86_64").architecture, "amd64");
    EXPECT_EQ(platform_of("aarch64").architecture, "arm64");
    EXPECT_EQ(platform_of("armv7l").variant, "v7");
    EXPECT_EQ(platform_of("unheard-of").architecture, "unheard-of");
}

TEST(Platforms, TheClosestVariantIsTaken) {
    const std::vector<Descriptor> arm = {image("5", Platform{"linux", "arm", "v5"}),
                                         image("6", Platform{"linux", "arm", "v6"}),
                                         image("7", Platform{"linux", "arm", "v7"})};
    EXPECT_EQ(chosen(arm, {"linux", "arm", "v7"}), "7");
    EXPECT_EQ(chosen(arm, {"linux", "arm", "v6"}), "6");
    EXPECT_EQ(
        chosen({image("3", Platform{"linux", "amd64", "v3"}), image("1", Platform{"linux", "amd64", ""})},
               platform_of("x86_64")),
        "1");
    EXPECT_EQ(chosen({image("8", Platform{"linux", "arm64", "v8"})}, platform_of("aarch64")), "8");
}

// buildkit puts attestations beside images, for the platform unknown/unknown.
TEST(Platforms, AttestationsAndOtherSystemsAreNotTaken) {
    EXPECT_EQ(
        chosen({image("9", Platform{"unknown", "unknown", ""}), image("a", Platform{"windows", "amd64", ""}),
                image("b", Platform{"linux", "amd64", ""})},
               platform_of("x86_64")),
        "b");
    EXPECT_TRUE(test::refuses(
        [] {
            (void)choose_image({image("9", Platform{"unknown", "unknown", ""})}, platform_of("x86_64"));
        },
        "unknown/unknown"));
}

TEST(Platforms, OneWithoutAPlatformIsTakenWhenNothingElseFits) {
    EXPECT_EQ(chosen({image("0", std::nullopt)}, platform_of("x86_64")), "0");
    EXPECT_EQ(
        chosen({image("0", std::nullopt), image("b", Platform{"linux", "amd64", ""})}, platform_of("x86_64")),
        "b");
    EXPECT_TRUE(test::refuses(
        [] {
            (void)choose_image({image("0", std::nullopt), image("1", std::nullopt)}, platform_of("x86_64"));
        },
        "several images"));
}

bool names(const std::string& name, char kind = '0') {
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    header.replace(124, 11, "00000000000");
    header[156] = kind;
    header.replace(257, 5, "ustar");
    return names_an_image({reinterpret_cast<const std::byte*>(header.data()), header.size()});
}

TEST(FirstNames, TellAnImageFromARoot) {
    for (const std::string& name :
         {std::string{"manifest.json"}, std::string{"index.json"}, std::string{"./oci-layout"},
          std::string{"blobs/"}, std::string{"blobs/sha256/"}, std::string{"repositories"},
          std::string(64, 'a') + "/VERSION", std::string(64, 'f') + ".json", std::string(64, '0') + ".tar"}) {
        EXPECT_TRUE(names(name)) << name;
    }
    for (const std::string& name :
         {std::string{"bin/"}, std::string{"./etc/passwd"}, std::string{".dockerenv"},
          std::string{"manifest.jsonx"}, std::string{"usr/manifest.json"}, std::string(63, 'a'),
          std::string(64, 'a') + "x", std::string{}}) {
        EXPECT_FALSE(names(name)) << name;
    }
    EXPECT_FALSE(names_an_image({}));
}

TEST(FirstNames, OfOtherToolsMayTellAnImage) {
    const auto may = [](const std::string& name) {
        std::string header(512, '\0');
        header.replace(0, name.size(), name);
        header.replace(257, 5, "ustar");
        return may_name_an_image({reinterpret_cast<const std::byte*>(header.data()), header.size()});
    };
    for (const std::string& name :
         {std::string{"manifest.json"}, "sha256:" + std::string(64, 'a'), std::string(64, 'a') + ".tar.gz",
          std::string{"config.json"}, std::string{"layers/0.tar"}, std::string{"0/layer.tar"}}) {
        EXPECT_TRUE(may(name)) << name;
    }
    for (const char* name : {"bin/", "./etc/passwd", "home/", ".dockerenv", ""}) {
        EXPECT_FALSE(may(name)) << name;
    }
}

TEST(FirstNames, HostileSizesEndTheLook) {
    std::string header(512, '\0');
    header.replace(0, 1, "x");
    header.replace(124, 11, "77777777777");
    header[156] = 'x';
    header.replace(257, 5, "ustar");
    EXPECT_FALSE(names_an_image({reinterpret_cast<const std::byte*>(header.data()), header.size()}));
}

} // namespace
} // namespace sandbox::unpack
