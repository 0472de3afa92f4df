// SPDX-License-Identifier: Apache-2.0
// The ready-made filter, or a profile's.
#include "filter.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/helper_path.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "plan/confinement.hpp"
#include "seccomp/default_filter.hpp"

namespace sandbox {

namespace {

constexpr const char* cache_name = "filters";
constexpr std::size_t longest_program = BPF_MAXINSNS * sizeof(sock_filter);

std::int64_t nanoseconds(const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// What a compiled profile is found by: the file as stat(2) knows it, and what it was compiled for.
std::string cache_key(const struct stat& status, std::uint64_t capabilities) {
    std::string key = SANDBOX_VERSION;
    for (const std::uint64_t part :
         {std::uint64_t{status.st_dev}, std::uint64_t{status.st_ino},
          static_cast<std::uint64_t>(status.st_size), static_cast<std::uint64_t>(nanoseconds(status.st_mtim)),
          static_cast<std::uint64_t>(nanoseconds(status.st_ctim)), capabilities}) {
        key += "-" + std::to_string(part);
    }
    return key;
}

/// A file that was changed a moment ago may change again without its times showing it.
bool is_settled(const struct stat& status) {
    constexpr std::int64_t grain = 2'000'000'000;
    timespec now{};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    return nanoseconds(now) - nanoseconds(status.st_ctim) > grain;
}

std::string compile_profile(const UniqueFd& profile, const std::string& option, std::uint64_t capabilities) {
    Pipe output = make_pipe();
    SpawnRequest request;
    request.path = helper_path("sandbox-aid");
    request.arguments = {"sandbox-aid", "seccomp", std::to_string(capabilities)};
    request.fds = {{profile.get(), STDIN_FILENO}, {output.write.get(), STDOUT_FILENO}};
    const ChildProcess aid = spawn(request);
    output.write.reset();
    std::string bytes = read_all(output.read.get(), "sandbox-aid");
    const int status = shell_status(wait_for(aid));
    if (status == 0) {
        return bytes;
    }
    const auto lines = split(bytes, '\n');
    if (status != 1 || lines.size() < 3) {
        throw Error("sandbox-aid", "ended with status " + std::to_string(status),
                    "it must be installed, with its libraries");
    }
    throw UsageError(option, std::string{lines[0]} + ": " + std::string{lines[1]}, lines[2]);
}

std::string provide_program(const std::string& path, std::uint64_t capabilities, const Store* store) {
    const std::string option = "--seccomp " + printable(path);
    const int opened = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (opened < 0) {
        throw SystemError(errno, "open", option,
                          "its words are default, log and unconfined; else it is a file");
    }
    const UniqueFd profile{opened};
    struct stat status {};
    check(::fstat(profile.get(), &status), "look at", option);
    if (S_ISDIR(status.st_mode)) {
        throw UsageError(option, "a directory, not a profile");
    }
    if (store == nullptr || !S_ISREG(status.st_mode)) {
        return compile_profile(profile, option, capabilities);
    }
    const UniqueFd cache = store->open_directory(store->fd(), cache_name);
    const std::string key = cache_key(status, capabilities);
    if (auto known = read_file_if_exists(cache.get(), key, longest_program)) {
        return *known;
    }
    std::string program = compile_profile(profile, option, capabilities);
    if (is_settled(status)) {
        write_file_atomically(cache.get(), key, program);
    }
    return program;
}

} // namespace

std::span<const sock_filter> find_filter(const Spec& spec, const Store* store, const Log& log,
                                         std::vector<sock_filter>& memory) {
    const SystemCallFilter& wanted = spec.process.filter;
    switch (wanted.kind) {
        case FilterKind::none:
            return {};
        case FilterKind::profile: {
            const std::string bytes = provide_program(wanted.path, filter_capabilities(spec), store);
            memory.resize(bytes.size() / sizeof(sock_filter));
            std::memcpy(memory.data(), bytes.data(), memory.size() * sizeof(sock_filter));
            if (memory.empty() || bytes.size() > longest_program) {
                throw UsageError("--seccomp " + printable(wanted.path),
                                 "makes a filter longer than the kernel takes",
                                 "seccomp(2): 4096 instructions");
            }
            return memory;
        }
        case FilterKind::standard:
        case FilterKind::report:
            break;
    }
    const auto filter = default_filter(filter_capabilities(spec), wanted.kind == FilterKind::report, memory);
    if (filter.empty()) {
        log.debug("there is no table of system calls for this architecture: no filter");
    }
    return filter;
}

} // namespace sandbox
