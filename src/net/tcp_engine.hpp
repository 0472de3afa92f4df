// SPDX-License-Identifier: Apache-2.0
// What carries TCP in place of libslirp, where the kernel can do it.
#pragma once

#include "net/packet.hpp"

namespace sandbox::net {

class TcpEngine {
  public:
    TcpEngine() = default;
    TcpEngine(const TcpEngine&) = delete;
    TcpEngine& operator=(const TcpEngine&) = delete;
    virtual ~TcpEngine() = default;

    /// Takes a TCP segment that came from inside. A segment that opens a connection has passed the policy
    /// (but for the nameserver's DNS port, which is always open); the engine logs the flows that it takes.
    /// @return false where libslirp shall have it
    virtual bool input(const Packet& segment) = 0;
};

} // namespace sandbox::net
