// SPDX-License-Identifier: Apache-2.0
// The queue between the maker of names and the writer of content.
#include "unpack/small_files.hpp"

#include <utility>

#include "unpack/limits.hpp"

namespace sandbox::unpack {

SmallFiles::~SmallFiles() {
    {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void SmallFiles::rethrow() const {
    if (failure_) {
        std::rethrow_exception(failure_);
    }
}

void SmallFiles::put(std::size_t bytes, Work work) {
    if (!thread_.joinable()) {
        thread_ = std::thread{[this] { run(); }};
    }
    std::unique_lock lock{mutex_};
    const auto is_full = [this] {
        return held_ >= limits::small_files || bytes_ >= limits::small_files_bytes;
    };
    if (is_full()) {
        // Half of it at a time, as in tar_stream.cpp.
        changed_.wait(lock, [this] {
            return failure_ || (held_ <= limits::small_files / 2 && bytes_ <= limits::small_files_bytes / 2);
        });
    }
    rethrow();
    queue_.push_back({bytes, std::move(work)});
    ++held_;
    bytes_ += bytes;
    const bool is_first = queue_.size() == 1;
    lock.unlock();
    if (is_first) {
        changed_.notify_all();
    }
}

void SmallFiles::drain() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return failure_ || held_ == 0; });
    rethrow();
}

void SmallFiles::run() noexcept {
    std::unique_lock lock{mutex_};
    while (true) {
        changed_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
        if (stopped_) {
            return;
        }
        Item item = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        std::exception_ptr failure;
        try {
            item.work();
        } catch (...) {
            failure = std::current_exception();
        }
        item.work = nullptr; // its descriptor and memory go before others may take their place
        lock.lock();
        --held_;
        bytes_ -= item.bytes;
        if (failure) {
            failure_ = failure;
            queue_.clear(); // nobody wants them any more
        }
        if (failure_ || held_ == 0 || held_ == limits::small_files / 2 ||
            (bytes_ <= limits::small_files_bytes / 2 &&
             bytes_ + item.bytes > limits::small_files_bytes / 2)) {
            changed_.notify_all();
        }
        if (failure_) {
            return;
        }
    }
}

} // namespace sandbox::unpack
