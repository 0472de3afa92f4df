// SPDX-License-Identifier: Apache-2.0
// The ring between reading, hashing and writing.
#include "unpack/tar_stream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "unpack/limits.hpp"

namespace sandbox::unpack {

TarStream::TarStream(ByteSource& source, Sha256& hash) : source_(source), hash_(hash) {
    reader_ = std::thread{[this] { read_ahead(); }};
    try {
        hasher_ = std::thread{[this] { hash_along(); }};
    } catch (...) {
        finish(nullptr);
        reader_.join();
        throw;
    }
}

TarStream::~TarStream() {
    finish(nullptr);
    for (std::thread* thread : {&reader_, &hasher_}) {
        if (thread->joinable()) {
            thread->join();
        }
    }
}

/// The end of the stream, by whoever comes to it first.
void TarStream::finish(std::exception_ptr failure) noexcept {
    {
        const std::lock_guard lock{mutex_};
        stopped_ = stopped_ || !ended_;
        ended_ = true;
        failure_ = failure_ ? failure_ : std::move(failure);
    }
    source_.cancel();
    changed_.notify_all();
}

void TarStream::read_ahead() noexcept {
    try {
        fill_ring();
    } catch (...) {
        const std::lock_guard lock{mutex_};
        failure_ = std::current_exception();
        ended_ = true;
    }
    changed_.notify_all();
}

void TarStream::fill_ring() {
    while (Block* const block = wait_for_block()) {
        // Nobody else looks at this block before it is published.
        if (!block->bytes) {
            block->bytes = std::make_unique_for_overwrite<std::byte[]>(limits::block_bytes);
        }
        const std::span memory{block->bytes.get(), limits::block_bytes};
        block->size = 0;
        for (std::size_t got = 1; got > 0 && block->size < memory.size(); block->size += got) {
            got = source_.fill(memory.subspan(block->size));
        }
        if (block->size == 0) {
            const std::lock_guard lock{mutex_};
            ended_ = true;
            return;
        }
        publish();
    }
}

/// The next block of the ring, when all have done with it; null when nothing more is wanted.
TarStream::Block* TarStream::wait_for_block() {
    std::unique_lock lock{mutex_};
    const auto in_use = [this] { return published_ - std::min(hashed_, released_); };
    if (in_use() == blocks) {
        // Half of the ring at a time: threads that hand over block by block do little but wake each other.
        changed_.wait(lock, [&] { return stopped_ || in_use() <= blocks / 2; });
    }
    return stopped_ ? nullptr : &ring_[published_ % blocks];
}

void TarStream::publish() {
    std::unique_lock lock{mutex_};
    const bool somebody_waits = hashed_ == published_ || released_ == published_;
    ++published_;
    lock.unlock();
    if (somebody_waits) {
        changed_.notify_all();
    }
}

/// After a block was given back, the mutex held.
void TarStream::wake_reader() noexcept {
    if (published_ - std::min(hashed_, released_) == blocks / 2) {
        changed_.notify_all();
    }
}

void TarStream::hash_along() noexcept {
    std::unique_lock lock{mutex_};
    while (true) {
        changed_.wait(lock, [this] { return stopped_ || ended_ || hashed_ < published_; });
        if (stopped_ || hashed_ == published_) {
            return;
        }
        const Block& block = ring_[hashed_ % blocks];
        lock.unlock();
        try {
            hash_.update({block.bytes.get(), block.size});
        } catch (...) {
            finish(std::current_exception());
            return;
        }
        lock.lock();
        ++hashed_;
        wake_reader();
    }
}

std::span<const std::byte> TarStream::next() {
    std::unique_lock lock{mutex_};
    if (std::exchange(holds_block_, false)) {
        ++released_;
        wake_reader();
    }
    changed_.wait(lock, [this] { return ended_ || released_ < published_; });
    if (released_ == published_) {
        if (failure_) {
            std::rethrow_exception(failure_);
        }
        return {};
    }
    const Block& block = ring_[released_ % blocks];
    lock.unlock();
    holds_block_ = true;
    const std::span<const std::byte> bytes{block.bytes.get(), block.size};
    total_ += bytes.size();
    remember_tail(bytes);
    return bytes;
}

void TarStream::drain() {
    while (!next().empty()) {
    }
    reader_.join();
    hasher_.join();
    if (failure_) {
        std::rethrow_exception(failure_);
    }
}

void TarStream::remember_tail(std::span<const std::byte> bytes) noexcept {
    const std::span<const std::byte> end = bytes.last(std::min(bytes.size(), record));
    const std::size_t kept = std::min(tail_size_, record - end.size());
    std::memmove(tail_.data(), tail_.data() + tail_size_ - kept, kept);
    std::copy(end.begin(), end.end(), tail_.begin() + static_cast<std::ptrdiff_t>(kept));
    tail_size_ = kept + end.size();
}

bool TarStream::ends_in_zeros() const noexcept {
    return tail_size_ == record &&
           std::all_of(tail_.begin(), tail_.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

} // namespace sandbox::unpack
