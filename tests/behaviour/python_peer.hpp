// SPDX-License-Identifier: Apache-2.0
// Servers and clients of the network tests, in Python: outside as a process of the test, inside as the
// command.
#pragma once

#include <stdexcept>
#include <string>

#include "harness.hpp"

namespace sandbox::test {

/// What every script begins with. listen() prints "port N".
inline const std::string python_prelude = R"(
import errno, hashlib, os, select, signal, socket, struct, sys, threading, time
def listen(address='127.0.0.1', backlog=1024):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, 0)); s.listen(backlog)
    print('port', s.getsockname()[1], flush=True)
    return s
def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s: s.connect(('198.51.100.1', 9)); return s.getsockname()[0]
def connect(port, address='10.0.2.2', timeout=20):
    return socket.create_connection((address, int(port)), timeout)
def read_all(s):
    parts = []
    while True:
        part = s.recv(1 << 16)
        if not part: return b''.join(parts)
        parts.append(part)
def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()
def outcome(action):
    try: action(); return 'done'
    except OSError as e: return errno.errorcode.get(e.errno, type(e).__name__)
def say(*words): print(*words, flush=True)
)";

/// A Python process outside that has said where it listens.
class PythonServer {
  public:
    explicit PythonServer(const std::string& script) : process_({"python3", "-c", python_prelude + script}) {
        if (!process_.wait_for_output("\n")) {
            throw std::runtime_error("the server does not listen");
        }
        port_ = trimmed(lines_of(process_.out()).front().substr(5));
    }
    [[nodiscard]] const std::string& port() const { return port_; }
    Process& process() { return process_; }
    /// What it said after the port, when it has ended.
    std::string answer() {
        const Result result = process_.wait();
        const std::size_t line = result.out.find('\n');
        return trimmed(result.out.substr(line + 1)) + result.err;
    }

  private:
    Process process_;
    std::string port_;
};

} // namespace sandbox::test
