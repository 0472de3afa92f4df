// SPDX-License-Identifier: Apache-2.0
// Signals as something to read.
#include "base/signals.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace sandbox {
namespace {

bool is_blocked(int signal) {
    sigset_t mask;
    (void)::sigprocmask(SIG_SETMASK, nullptr, &mask);
    return ::sigismember(&mask, signal) == 1;
}

TEST(SignalSource, ASignalIsReadOnceInsteadOfDelivered) {
    SignalSource source{SIGUSR1};
    EXPECT_FALSE(source.take());
    ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
    const auto info = source.take();
    ASSERT_TRUE(info);
    EXPECT_EQ(info->ssi_signo, static_cast<unsigned>(SIGUSR1));
    EXPECT_FALSE(source.take());
}

TEST(SignalSource, MaskComesBackWithItsEnd) {
    ASSERT_FALSE(is_blocked(SIGUSR2));
    {
        const SignalSource source{SIGUSR2};
        EXPECT_TRUE(is_blocked(SIGUSR2));
        EXPECT_EQ(::sigismember(&source.previous_mask(), SIGUSR2), 0);
    }
    EXPECT_FALSE(is_blocked(SIGUSR2));
}

TEST(SignalSource, OthersStayAsTheyAre) {
    const SignalSource source{SIGUSR1, SIGUSR2};
    EXPECT_FALSE(is_blocked(SIGTERM));
}

} // namespace
} // namespace sandbox
