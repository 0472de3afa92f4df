// SPDX-License-Identifier: Apache-2.0
// A child that tries, and answers by its exit status: every errno value fits into it.
#include "doctor/trial.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/error.hpp"
#include "linux/user_namespace.hpp"

namespace sandbox {

namespace {

int enter_and_try(int flags, const std::function<int()>& body) {
    const std::string uid_map = "0 " + std::to_string(::geteuid()) + " 1\n";
    const std::string gid_map = "0 " + std::to_string(::getegid()) + " 1\n";
    if (::unshare(CLONE_NEWUSER | flags) < 0 || write_own_maps(uid_map.c_str(), gid_map.c_str()) < 0) {
        return errno;
    }
    return body();
}

} // namespace

int try_in_namespaces(int flags, const std::function<int()>& body) {
    const pid_t child = check(::fork(), "start", "a trial process");
    if (child == 0) {
        ::_exit(enter_and_try(flags, body));
    }
    int status = 0;
    check(::waitpid(child, &status, 0), "wait for", "a trial process");
    return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

} // namespace sandbox
