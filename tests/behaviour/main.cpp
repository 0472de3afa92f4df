// SPDX-License-Identifier: Apache-2.0
// The behaviour tests' own main: a test that waits for ever is ended even without ctest.
#include <gtest/gtest.h>

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
