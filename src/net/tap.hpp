// SPDX-License-Identifier: Apache-2.0
// The tap device's descriptor: one read or write moves one Ethernet frame.
#pragma once

#include <cstddef>
#include <span>

#include "base/unique_fd.hpp"
#include "net/capture.hpp"
#include "net/packet.hpp"

namespace sandbox::net {

/// The largest frame: an Ethernet header and the largest IP packet. A longer one arrives cut short and is
/// then dropped for its length field.
inline constexpr std::size_t max_frame = 14 + 65535;

/// Owns a descriptor of /dev/net/tun attached to an interface (the kernel's networking/tuntap).
class Tap {
  public:
    enum class Read {
        frame,
        empty, ///< nothing waits
        gone,  ///< the interface, or its network namespace, does not exist any more
    };

    /// Takes the descriptor and makes it non-blocking. Throws UsageError unless it is a tap (IFF_TAP) without
    /// packet information or virtio headers, SystemError when it is no tun device at all.
    explicit Tap(UniqueFd device);

    /// Takes any other descriptor that moves one frame a read and a write, such as a SOCK_SEQPACKET socket.
    /// @param guest the MAC address at its other end
    Tap(UniqueFd channel, const MacAddress& guest);

    /// Shows every frame of either direction to `capture`, which must live as long.
    void show(Capture& capture) noexcept { capture_ = &capture; }

    [[nodiscard]] int fd() const noexcept { return device_.get(); }

    /// Of the interface inside, when the descriptor was taken. Root inside can change it, to its own loss.
    [[nodiscard]] const MacAddress& guest() const noexcept { return guest_; }

    /// Reads one frame into `buffer`. @param frame set to the part that was filled
    Read read(std::span<std::byte> buffer, std::span<const std::byte>& frame) const noexcept;

    /// Hands a frame to the inside. Where it cannot be taken (no memory, interface down) it is lost, as on a
    /// wire: TCP sends it again.
    void write(std::span<const std::byte> frame) const noexcept;

  private:
    UniqueFd device_;
    MacAddress guest_{};
    Capture* capture_ = nullptr;
};

} // namespace sandbox::net
