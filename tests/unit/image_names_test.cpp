// SPDX-License-Identifier: Apache-2.0
// Names of stored images: docker's grammar, and never a path.
#include "image/names.hpp"

#include <gtest/gtest.h>

namespace sandbox {
namespace {

TEST(ImageName, HasOneWayToBeWritten) {
    for (const auto& [text, name] :
         {std::pair{"alpine", "alpine:latest"}, std::pair{"alpine:3.20", "alpine:3.20"},
          std::pair{"docker.io/library/alpine", "alpine:latest"},
          std::pair{"docker.io/team/app:v1", "team/app:v1"}, std::pair{"localhost/app", "app:latest"},
          std::pair{"registry.example:5000/a/b:T_1.x-y", "registry.example:5000/a/b:T_1.x-y"},
          std::pair{"a__b-c.d", "a__b-c.d:latest"}, std::pair{"a---b", "a---b:latest"}}) {
        EXPECT_EQ(canonical_image_name(text), name) << text;
    }
}

TEST(ImageName, NeverIsAPath) {
    for (const char* text : {"",   ".",   "..",    "/a",   "a/",   "a//b", "../a",      "a/../b", "a/./b",
                             "A",  "a b", "a+b",   "a\n",  "-a",   "a-",   "_a",        "a..b",   "a___b",
                             "a:", ":a",  "a:b:c", "a:/b", "a:..", "a:-b", "sha256:/x", "a@b"}) {
        EXPECT_FALSE(canonical_image_name(text)) << text;
    }
    EXPECT_FALSE(canonical_image_name(std::string(300, 'a')));
    EXPECT_FALSE(canonical_image_name("a:" + std::string(129, 'b')));
    EXPECT_FALSE(canonical_image_name(std::string{"a\0b", 3}));
}

TEST(ImageName, IsOneComponentOfAPathAndBack) {
    for (const char* name : {"alpine:latest", "team/app:v1", "registry.example:5000/a/b:t"}) {
        const std::string file = file_of_image_name(name);
        EXPECT_EQ(file.find('/'), std::string::npos);
        EXPECT_EQ(image_name_of_file(file), name);
    }
    for (const char* file : {"alpine", "x.tmp.123", "..", "A:latest", "+a:b"}) {
        EXPECT_FALSE(image_name_of_file(file)) << file;
    }
}

TEST(ImageName, ComesFromAFilesNameWithoutItsEndings) {
    EXPECT_EQ(image_name_from_path("/x/Alpine-3.20.tar.gz"), "alpine-3.20:latest");
    EXPECT_EQ(image_name_from_path("app.tgz"), "app:latest");
    EXPECT_EQ(image_name_from_path("layout/"), "layout:latest");
    EXPECT_EQ(image_name_from_path("app.tar.zst"), "app:latest");
    EXPECT_FALSE(image_name_from_path(".tar"));
    EXPECT_FALSE(image_name_from_path("a b.tar"));
}

} // namespace
} // namespace sandbox
