// SPDX-License-Identifier: Apache-2.0
// Who looks on while a build runs: what it opens, and what it looks for in vain.
#pragma once

#include <memory>
#include <optional>

#include "build/hidden_reads.hpp"
#include "build/read_trace.hpp"
#include "run/onlooker.hpp"

namespace sandbox {

class BuildWatch : public Onlooker {
  public:
    /// Each is there where it is wanted.
    std::optional<ReadTrace> reads;
    std::optional<HiddenReads> hidden;

    void take_root(UniqueFd root) override {
        if (reads) {
            reads->watch(std::move(root));
        }
    }
    void take_listener(UniqueFd listener) override {
        if (hidden) {
            hidden->take_listener(std::move(listener));
        }
    }
    void prepare(pollfd* wait) override {
        wait[0] = {reads ? reads->fd() : -1, POLLIN, 0};
        wait[1] = {hidden ? hidden->fd() : -1, POLLIN, 0};
    }
    void serve(const pollfd* ready) override {
        if (reads && ready[0].revents != 0) {
            reads->read_events();
        }
        if (hidden) {
            hidden->serve(ready[1]);
        }
    }
    void finish() override {
        if (reads) {
            reads->finish();
        }
    }
};

} // namespace sandbox
