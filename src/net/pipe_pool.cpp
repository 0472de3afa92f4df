// SPDX-License-Identifier: Apache-2.0
// Pipes used last are lent first: their memory is warm.
#include "net/pipe_pool.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace sandbox::net {

namespace {

constexpr int large_size = 1 << 20;

std::optional<SplicePipe> take_last(std::vector<SplicePipe>& pipes) {
    if (pipes.empty()) {
        return std::nullopt;
    }
    std::optional<SplicePipe> pipe{std::move(pipes.back())};
    pipes.pop_back();
    return pipe;
}

} // namespace

std::optional<SplicePipe> PipePool::borrow(bool large) {
    if (lent_ >= max_pipes) {
        return std::nullopt;
    }
    std::optional<SplicePipe> pipe = large ? take_last(idle_large_) : std::nullopt;
    if (!pipe) {
        pipe = take_last(idle_);
    }
    if (!pipe) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
            return std::nullopt;
        }
        pipe = SplicePipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}, false};
    }
    if (large && !pipe->is_large && large_ < max_large_pipes &&
        ::fcntl(pipe->write.get(), F_SETPIPE_SZ, large_size) >= large_size) {
        pipe->is_large = true;
        ++large_;
    }
    ++lent_;
    return pipe;
}

void PipePool::give_back(SplicePipe pipe) {
    std::vector<SplicePipe>& idle = pipe.is_large ? idle_large_ : idle_;
    if (idle.size() >= (pipe.is_large ? max_idle_large_pipes : max_idle_pipes)) {
        drop(std::move(pipe));
        return;
    }
    idle.push_back(std::move(pipe));
    --lent_;
}

void PipePool::drop(SplicePipe pipe) {
    --lent_;
    if (pipe.is_large) {
        --large_;
    }
    pipe.read.reset();
    pipe.write.reset();
}

} // namespace sandbox::net
