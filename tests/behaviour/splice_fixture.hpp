// SPDX-License-Identifier: Apache-2.0
// What the tests of --net-engine splice stand on.
#pragma once

#include <unistd.h>

#include <optional>
#include <string>

#include "harness.hpp"
#include "python_peer.hpp"

namespace sandbox::test {

/// Skips where the kernel cannot do it, with what sandbox-net said.
class Splice : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        if (IsSkipped()) {
            return;
        }
        if (::access("/dev/net/tun", R_OK | W_OK) < 0) {
            GTEST_SKIP() << "/dev/net/tun is not usable";
        }
        if (!has_program("python3")) {
            GTEST_SKIP() << "the program python3 is not installed";
        }
        if (const std::string reason = why_not(); !reason.empty()) {
            GTEST_SKIP() << "this kernel cannot splice: " << reason;
        }
    }

    [[nodiscard]] Arguments python_command(const std::string& text, const Arguments& words) const {
        Arguments command{"run",  "--net-engine", "splice", "--host-loopback",
                          "host", "python3",      "-c",     python_prelude + text};
        command.insert(command.end(), words.begin(), words.end());
        return command;
    }
    /// Runs a script inside; its words are in sys.argv.
    Result inside(const std::string& text, const Arguments& words = {}) {
        return sandbox(python_command(text, words));
    }

  private:
    /// Tried once, by the rules being there after a first packet.
    std::string why_not() {
        static std::optional<std::string> reason;
        if (!reason) {
            const Result result =
                script("nc 10.0.2.2 1; ip rule", {"--net-engine", "splice", "--log-level", "debug"});
            reason = contains(result.out, "fwmark") ? "" : result.err + result.out;
        }
        return *reason;
    }
};

} // namespace sandbox::test
