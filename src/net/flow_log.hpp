// SPDX-License-Identifier: Apache-2.0
// --net-log: one JSON object a line, written when a flow ends or is denied, and the count of what was denied.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/ip_address.hpp"
#include "base/unique_fd.hpp"
#include "net/packet.hpp"

namespace sandbox::net {

/// One flow as the log has it.
struct FlowRecord {
    enum class Verdict : std::uint8_t {
        allowed, ///< it was opened
        denied,  ///< the policy said no
        failed,  ///< allowed, but the other side refused, did not answer or cannot be reached
    };
    Protocol protocol{};
    Endpoint source;            ///< the process's side
    Endpoint destination;       ///< as the inside names it
    std::string name;           ///< known from DNS; may be empty
    bool published = false;     ///< it came from outside to a published port
    std::uint64_t sent = 0;     ///< bytes of payload from the inside
    std::uint64_t received = 0; ///< and to it
    std::chrono::system_clock::time_point start;
    std::chrono::nanoseconds duration{};
    Verdict verdict = Verdict::allowed;
};

/// The keys of a line, in this order:
///   time         when it began: RFC 3339, UTC, milliseconds
///   protocol     "tcp", "udp", "icmp", "icmpv6"; "dns" for a question that was denied
///   source       "10.0.2.15:40000", "[fd00::15]:40000"; an address alone for echo requests
///   destination  likewise
///   name         of the destination; only where DNS told it
///   sent         bytes of payload from the inside
///   received     and to it
///   duration     seconds, with microseconds
///   verdict      "allowed", "denied", "failed"
///   published    true, only where it came from outside to a published port
/// A denied question has time, protocol, name and verdict.
class FlowLog {
  public:
    /// Places that are counted apart.
    static constexpr std::size_t most_places = 1024;

    /// @param file where lines go, opened for appending; invalid: nowhere, only denials are counted
    explicit FlowLog(UniqueFd file);

    /// Whether anybody reads it: else nobody need count bytes.
    [[nodiscard]] bool is_wanted() const noexcept { return file_.valid(); }

    /// Writes a line, at once and whole. A full disk ends the log, not the network.
    void add(const FlowRecord& record);

    /// A DNS question whose name is not allowed.
    void add_denied_name(const std::string& name);

    /// "denied: 12 attempts at 3 places (192.0.2.7:443 x 9, evil.example x 2, 198.51.100.1:22 x 1)"; empty
    /// where nothing was. Names the three places with most, counts the rest; one line, printable.
    [[nodiscard]] std::string summary() const;

    /// Whether anything at this address was denied, as far as places are told apart.
    [[nodiscard]] bool has_denied(const IpAddress& address) const;

    /// Why the log ended before its time, as strerror(3) has it; empty where it did not.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

  private:
    void count_denied(const std::string& place);
    void write_line(std::string line);

    UniqueFd file_;
    std::string failure_;
    std::uint64_t denied_ = 0;
    bool has_more_places_ = false;
    std::unordered_map<std::string, std::uint64_t> denied_at_;
};

} // namespace sandbox::net
