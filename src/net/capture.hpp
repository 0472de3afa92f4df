// SPDX-License-Identifier: Apache-2.0
// --pcap: the tap's frames in the file format of libpcap, with nanoseconds.
// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace sandbox::net {

/// Collects records and writes many at once. A full disk (any error) ends the capture, not the network: what
/// was not written whole is cut off, so that the file stays readable.
class Capture {
  public:
    /// Writes the file's header.
    /// @param file empty, opened for writing; a pipe does as well
    explicit Capture(UniqueFd file);
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    void add(std::span<const std::byte> frame) noexcept;
    /// To be called before each sleep, so that a reader sees what has happened.
    void flush() noexcept;
    /// Why it ended before its time, as strerror(3) has it; empty where it did not.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

  private:
    void end(int code);

    UniqueFd file_;
    std::string failure_;
    std::vector<std::byte> buffer_;
    off_t written_ = 0; ///< whole records
};

} // namespace sandbox::net
