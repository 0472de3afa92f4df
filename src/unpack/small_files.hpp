// SPDX-License-Identifier: Apache-2.0
// Content and attributes of small files, set by a thread of its own while the caller makes the next ones: the
// kernel's work on a file is more than the archive's, and most files are small. Names are the caller's
// business, in the archive's order; here all is done by descriptor, so that it does not matter what has
// become of a name meanwhile.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace sandbox::unpack {

class SmallFiles {
  public:
    using Work = std::function<void()>; ///< owns what it needs; may throw

    SmallFiles() = default;
    /// What was put is dropped where it has not begun.
    ~SmallFiles();
    SmallFiles(const SmallFiles&) = delete;
    SmallFiles& operator=(const SmallFiles&) = delete;

    /// Queues it, and waits where there is too much already. Throws what an earlier one threw.
    /// @param bytes of memory that it holds
    void put(std::size_t bytes, Work work);

    /// Until all is done. Throws what the first that failed threw, every time.
    void drain();

  private:
    struct Item {
        std::size_t bytes = 0;
        Work work;
    };

    void run() noexcept;
    void rethrow() const;

    std::mutex mutex_;
    std::condition_variable changed_;
    // Under the mutex.
    std::deque<Item> queue_;
    std::size_t held_ = 0;  ///< items put and not done
    std::size_t bytes_ = 0; ///< of these
    bool stopped_ = false;
    std::exception_ptr failure_;

    std::thread thread_; ///< from the first put() on
};

} // namespace sandbox::unpack
