// SPDX-License-Identifier: Apache-2.0
// Image records: what is written is read, and nothing else is.
#include "base/image_record.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace sandbox {
namespace {

ImageRecord record() {
    ImageRecord result;
    result.id = "sha256:" + std::string(64, 'a');
    result.layers = {{"sha256:" + std::string(64, 'b'), 4096}, {"sha256:" + std::string(64, 'c'), 0}};
    result.config = {{"A=b=c", "EMPTY="}, {"/bin/sh", ""}, {"-c", "x\ny"}, {"l=1"},
                     {"80/tcp"},          "/srv",          "web:5",        "SIGQUIT"};
    result.names = {"a:1", "b:2"};
    result.source = "./file.tar";
    result.imported_at = 1700000000;
    return result;
}

TEST(ImageRecordFile, IsReadAsItWasWritten) {
    EXPECT_EQ(parse_image_record(format_image_record(record())), record());
}

TEST(ImageRecordFile, AnyCutIsNoticed) {
    const std::string bytes = format_image_record(record());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(parse_image_record(std::string_view{bytes}.substr(0, size))) << size;
    }
    EXPECT_FALSE(parse_image_record(bytes + "x"));
}

TEST(ImageRecordFile, StrangeContentIsRefused) {
    using namespace std::string_literals;
    const std::string id = "id\0sha256:"s + std::string(64, 'a') + "\0"s;
    const std::string layer = "layer\0sha256:"s + std::string(64, 'b') + " 5\0"s;
    const std::string end = "end\0\0"s;
    EXPECT_TRUE(parse_image_record(id + layer + end));
    for (const std::string& bytes :
         {layer + end, id + end, id + id + layer + end, id + layer + "colour\0red\0"s + end,
          id + "layer\0../../etc 5\0"s + end, id + "layer\0sha256:"s + std::string(64, 'B') + " 5\0"s + end,
          id + "layer\0sha256:"s + std::string(64, 'b') + " -5\0"s + end, id + layer + "time\0x\0"s + end}) {
        EXPECT_FALSE(parse_image_record(bytes));
    }
    std::string many = id;
    for (std::size_t i = 0; i <= max_image_layers; ++i) {
        many += layer;
    }
    EXPECT_FALSE(parse_image_record(many + end));
}

TEST(ImageRecordFile, ANulInATextIsRefusedWhenItIsWritten) {
    ImageRecord bad = record();
    bad.config.user = std::string{"a\0b", 3};
    EXPECT_THROW((void)format_image_record(bad), Error);
}

} // namespace
} // namespace sandbox
