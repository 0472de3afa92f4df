// SPDX-License-Identifier: Apache-2.0
// The bytes of a capture file.
#include "net/capture.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstring>
#include <vector>

#include "net_wire.hpp"
#include "support.hpp"

namespace sandbox::net {
namespace {

class CaptureTest : public ::testing::Test {
  protected:
    [[nodiscard]] UniqueFd open() const {
        return UniqueFd{
            check(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), "open", path_)};
    }
    [[nodiscard]] std::string content() const { return read_file_if_exists(AT_FDCWD, path_).value(); }
    static std::uint32_t number(const std::string& text, std::size_t at) {
        std::uint32_t value = 0;
        std::memcpy(&value, text.data() + at, sizeof value);
        return value;
    }

    test::TemporaryDirectory directory_;
    std::string path_ = directory_.path() + "/pcap";
};

TEST_F(CaptureTest, BeginsWithTheHeaderOfNanosecondsOverEthernet) {
    const Capture capture{open()};
    const std::string file = content();
    ASSERT_EQ(file.size(), 24U);
    EXPECT_EQ(number(file, 0), 0xa1b23c4dU);
    EXPECT_EQ(number(file, 4), 2U | 4U << 16);
    EXPECT_EQ(number(file, 20), 1U);
    EXPECT_GE(number(file, 16), max_frame);
}

TEST_F(CaptureTest, FramesOfBothDirectionsAreWrittenWhole) {
    Capture capture{open()};
    Wire wire;
    wire.tap().show(capture);
    const std::vector<std::byte> frame(61, std::byte{7});
    wire.tap().write(frame);
    wire.tap().write(frame);
    capture.flush();
    const std::string file = content();
    ASSERT_EQ(file.size(), 24 + 2 * (16 + 61U));
    EXPECT_NEAR(number(file, 24), static_cast<double>(::time(nullptr)), 5);
    EXPECT_LT(number(file, 28), 1'000'000'000U);
    EXPECT_EQ(number(file, 32), 61U);
    EXPECT_EQ(number(file, 36), 61U);
    EXPECT_EQ(file[40], 7);
}

TEST_F(CaptureTest, ManyFramesNeedNoFlush) {
    Capture capture{open()};
    const std::vector<std::byte> frame(max_frame);
    for (int i = 0; i < 10; ++i) {
        capture.add(frame);
    }
    EXPECT_GT(content().size(), 4 * max_frame);
}

TEST_F(CaptureTest, AFullDiskLeavesWholeRecordsAndEndsIt) {
    // A limit of the file's size stands for the disk: the write is cut short first, and then refused.
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    rlimit limit = before;
    limit.rlim_cur = 24 + 2 * (16 + 100) + 50;
    auto* const handler = ::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    Capture capture{open()};
    const std::vector<std::byte> frame(100);
    for (int i = 0; i < 5; ++i) {
        capture.add(frame);
    }
    capture.flush();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)::signal(SIGXFSZ, handler);
    EXPECT_FALSE(capture.failure().empty());
    EXPECT_EQ(content().size(), 24 + 2 * (16 + 100U));
    capture.add(frame);
    capture.flush();
    EXPECT_EQ(content().size(), 24 + 2 * (16 + 100U));
}

} // namespace
} // namespace sandbox::net
