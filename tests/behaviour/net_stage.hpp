// SPDX-License-Identifier: Apache-2.0
// sandbox-net alone on a stage: a network namespace that plays its host, with addresses and sysctls of the
// test's own choice, and one that plays the sandbox. Everything as a plain user.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness.hpp"

namespace sandbox::test {

class NetStage {
  public:
    /// @param mtu of the tap
    /// @param ping whether the host's side lets plain users make ICMP sockets
    explicit NetStage(unsigned mtu = 65520, bool ping = true);
    ~NetStage();
    NetStage(const NetStage&) = delete;
    NetStage& operator=(const NetStage&) = delete;

    /// Why there is none on this machine; empty where there is.
    [[nodiscard]] const std::string& missing() const { return missing_; }

    /// A file that sandbox-net shall have as `--OPTION FD`, made anew.
    void add_file(const std::string& option, const std::string& path);
    /// A datagram socket of the host namespace, bound, as `--publish udp:FD:PORT`.
    void publish_udp(const std::string& address, unsigned host_port, unsigned port);
    /// Starts sandbox-net and waits until it is ready.
    void start(const Arguments& options = {});
    /// Whether sandbox-net says something that holds `text`, or has said it. base/network_control.hpp
    [[nodiscard]] bool says(const std::string& text);
    /// Ends sandbox-net as its supervisor does, and waits. All that it has said is in `out`.
    Result end();
    [[nodiscard]] Process& helper() { return *helper_; }

    /// Where a process is to run.
    [[nodiscard]] RunOptions host() const;
    [[nodiscard]] RunOptions guest() const;
    /// A python program with net_stage.py's functions; what it prints.
    [[nodiscard]] std::string host_python(const std::string& program) const;
    [[nodiscard]] std::string guest_python(const std::string& program) const;
    /// A server of net_stage.py that lives as long as its object, bound.
    [[nodiscard]] std::unique_ptr<Process> serve(const std::string& call) const;

  private:
    void set_up(unsigned mtu, bool ping);
    /// @return false where nothing came in time, or at the end
    bool listen(milliseconds timeout);
    [[nodiscard]] RunOptions in(int network) const;

    std::string missing_;
    pid_t holder_ = -1;
    int user_ = -1, host_ = -1, guest_ = -1, tap_ = -1;
    std::vector<int> fds_; ///< of what sandbox-net inherits
    Arguments options_;
    int control_ = -1;
    std::vector<std::string> said_;
    std::unique_ptr<Process> helper_;
};

} // namespace sandbox::test
