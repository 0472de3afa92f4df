// SPDX-License-Identifier: Apache-2.0
// sandbox-aid: what is rare and needs a library. Run by sandbox only.
//
//   sandbox-aid seccomp CAPABILITIES    fd 0: a docker-format profile    fd 1: the program for the kernel
//   sandbox-aid scope PID               puts a process into a scope of the user's systemd, with delegation
//   sandbox-aid hash FD                 fd 0: names below the directory FD, a NUL behind each    fd 1:
//   SHA-256s In all, status 1 tells that fd 1 holds what went wrong: OBJECT, REASON and HINT, a line each.
#include <fcntl.h>
#include <unistd.h>

#include <string_view>

#include "aid/docker_profile.hpp"
#include "aid/hashes.hpp"
#include "aid/scope.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "linux/confine.hpp"

namespace sandbox::aid {
namespace {

void make_filter(std::string_view capabilities) {
    const auto set = parse_number(capabilities);
    if (!set) {
        throw Error("sandbox-aid", "the capabilities are no number");
    }
    (void)landlock_restrict(false); // an older kernel does without
    constexpr std::size_t longest_profile = 16 << 20;
    write_all(STDOUT_FILENO, compile_docker_profile(read_all(STDIN_FILENO, "profile", longest_profile), *set),
              "stdout");
}

void hash_outputs(std::string_view number) {
    const auto directory = parse_number(number, 1024);
    if (!directory) {
        throw Error("sandbox-aid", "the descriptor is no number");
    }
    const int readable[] = {static_cast<int>(*directory)};
    constexpr std::size_t longest_list = 1 << 30;
    const std::string names = read_all(STDIN_FILENO, "names", longest_list);
    (void)landlock_restrict(false, readable); // an older kernel does without
    write_all(STDOUT_FILENO, hash_files(readable[0], names), "stdout");
}

void run(int argc, char** argv) {
    const std::string_view role = argc == 3 ? argv[1] : "";
    if (role == "seccomp") {
        make_filter(argv[2]);
    } else if (role == "hash") {
        hash_outputs(argv[2]);
    } else if (role == "scope") {
        const auto pid = parse_number(argv[2], 1 << 22);
        make_scope(static_cast<pid_t>(pid.value_or(0)));
    } else {
        throw Error("sandbox-aid",
                    "usage: sandbox-aid seccomp CAPABILITIES | scope PID | hash FD (run by sandbox)");
    }
}

} // namespace
} // namespace sandbox::aid

int main(int argc, char** argv) {
    try {
        sandbox::aid::run(argc, argv);
        return 0;
    } catch (const sandbox::Error& error) {
        try {
            sandbox::write_all(STDOUT_FILENO,
                               error.object() + "\n" + error.reason() + "\n" + error.hint() + "\n", "stdout");
        } catch (const std::exception&) {
            return 2; // nobody listens
        }
    } catch (const std::exception&) {
        return 2;
    }
    return 1;
}
