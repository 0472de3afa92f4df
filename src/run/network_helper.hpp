// SPDX-License-Identifier: Apache-2.0
// The supervisor's side of a sandbox's network: what sandbox-net gets, when it starts, and what it says.
#pragma once

#include <poll.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/network_control.hpp"
#include "base/network_rules.hpp"
#include "base/process.hpp"
#include "base/signals.hpp"
#include "base/unique_fd.hpp"
#include "run/resolver_watch.hpp"

namespace sandbox {

/// A port of the host that leads to one inside.
struct PublishedPort {
    UniqueFd socket; ///< bound; listening where it is TCP
    Transport transport = Transport::tcp;
    std::uint16_t port = 0; ///< inside
};

/// Binds what the rules ask for, and says by a note which ports the kernel chose. Throws SystemError, with a
/// hint for a port that is taken or that only root may have.
std::vector<PublishedPort> bind_published_ports(const std::vector<PublishRule>& rules, const Log& log);

/// What sandbox-net gets besides the tap. Made before the sandbox is cloned: what cannot be had is an error
/// before the command starts.
struct NetworkRequest {
    std::vector<std::string> arguments; ///< those without a descriptor
    UniqueFd flow_log;                  ///< --net-log, for appending
    UniqueFd capture;                   ///< --pcap, empty
    std::vector<PublishedPort> published;
    bool follows_host_resolver = true; ///< no --dns
};

/// The tap of a sandbox. sandbox-net is started at the first frame that arrives: a command that uses no
/// network does not pay for one. With published ports it starts at once, beside the command. The destructor
/// ends it.
class NetworkHelper {
  public:
    /// @param request must outlive it; emptied of its descriptors when the helper has them
    NetworkHelper(UniqueFd tap, NetworkRequest& request) : tap_(std::move(tap)), request_(request) {}
    ~NetworkHelper();
    NetworkHelper(const NetworkHelper&) = delete;
    NetworkHelper& operator=(const NetworkHelper&) = delete;

    static constexpr int wait_count = 2;
    /// What to wait for, `wait_count` of them; serve() when one is ready.
    void prepare(pollfd* wait) const;
    void serve(const pollfd* ready, const Log& log);

    /// The command has ended: lets a helper that runs bring its last bytes out and finish its logs, for
    /// longest_farewell at most, until a signal asks to end; for a second or so where there is haste.
    void finish(const Log& log, SignalSource& signals, bool in_haste);

  private:
    void start(const Log& log);
    void launch();
    void read_control(const Log& log);
    [[nodiscard]] bool starts_at_once() const noexcept { return !request_.published.empty(); }

    UniqueFd tap_; ///< until the helper has it
    NetworkRequest& request_;
    UniqueFd control_;
    ChildProcess process_;
    std::optional<ResolverWatch> resolver_;
};

} // namespace sandbox
