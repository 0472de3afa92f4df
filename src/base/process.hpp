// SPDX-License-Identifier: Apache-2.0
// Helper programs: started with exactly the descriptors they are given, held by pidfd.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace sandbox {

/// One descriptor that a helper gets: ours, and the number it has there.
struct PassedFd {
    int source = -1;
    int number = -1;
};

/// A started child that is ours to reap. Leaving it unreaped keeps its pid from being used again.
struct ChildProcess {
    pid_t pid = -1;
    UniqueFd pidfd;
};

/// What to start. Descriptors 0-2 are inherited unless `fds` replaces them; all others are closed.
struct SpawnRequest {
    std::string path;
    std::vector<std::string> arguments;   ///< argv, the program's name included
    std::vector<std::string> environment; ///< "NAME=VALUE"; nothing else is inherited
    std::vector<PassedFd> fds;
    bool own_session = false;     ///< spawn_mapped: what the caller's terminal sends is not for it
    bool dies_with_parent = true; ///< PR_SET_PDEATHSIG SIGKILL; a set-uid program clears it on exec
};

/// What execve(2) takes: pointers into `strings`, which must outlive them, and a closing null.
std::vector<char*> exec_pointers(const std::vector<std::string>& strings);

/// Starts a program with vfork(2); throws SystemError when it cannot be executed.
ChildProcess spawn(const SpawnRequest& request);

/// What a program prints on stdout, whatever its exit status; nothing where it cannot be executed.
std::optional<std::string> output_of(const std::string& path, const std::vector<std::string>& arguments);

/// Waits for the child and reaps it. @return the raw status of waitpid(2).
int wait_for(const ChildProcess& child);

/// Ends it with SIGKILL, whatever it does, and reaps it; nothing where none was started.
void kill_and_reap(const ChildProcess& child) noexcept;

/// An exit status as a shell shows it: the code, or 128 + the signal's number.
int shell_status(int wait_status) noexcept;

} // namespace sandbox
