// SPDX-License-Identifier: Apache-2.0
// The domain and its holder.
//
//   start                                 holder
//   locks the new state file
//   clone3(CLONE_NEWUSER) ──────────────▶ closes everything but that lock, waits
//   newuidmap, newgidmap
//   writes the state file
//   'm' ────────────────────────────────▶ sleeps; each start touches the state file
//   setns(holder's user namespace)        not touched for two minutes: unlinks it and leaves
#include "idmap/domain.hpp"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <ctime>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "idmap/mapping.hpp"
#include "idmap/user_namespace_failure.hpp"
#include "linux/process_title.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

constexpr const char* state_name = "domain";
constexpr const char* new_state_name = "domain.new"; // made under the lock below, so by one process at a time
constexpr const char* lock_name = "domain.lock";

/// Changes when the file does: a domain made from other ranges is not used.
std::string version_of(const char* path) {
    struct stat status {};
    if (::stat(path, &status) < 0) {
        return "none";
    }
    return std::to_string(status.st_ino) + "-" + std::to_string(status.st_size) + "-" +
           std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec);
}

std::string range_text(const std::vector<SubIdRange>& ranges) {
    std::string text;
    for (const SubIdRange& range : ranges) {
        text += (text.empty() ? "" : ",") + std::to_string(range.first) + "+" + std::to_string(range.count);
    }
    return text;
}

std::optional<std::vector<SubIdRange>> parse_ranges(std::string_view text) {
    std::vector<SubIdRange> ranges;
    for (const std::string_view part : split(text, ',')) {
        const auto numbers = split(part, '+');
        if (numbers.size() != 2) {
            return std::nullopt;
        }
        const auto first = parse_number(numbers[0], UINT32_MAX);
        const auto count = parse_number(numbers[1], UINT32_MAX);
        if (!first || !count) {
            return std::nullopt;
        }
        ranges.push_back({static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*count)});
    }
    return ranges;
}

/// The state file: one line of blank-separated fields.
struct State {
    pid_t holder = -1;
    ino_t user_namespace = 0;
    std::string subid_versions;
    SubIds ranges;
};

std::string subid_versions() {
    return version_of("/etc/subuid") + "/" + version_of("/etc/subgid");
}

std::string state_text(const State& state) {
    return "1 " + std::to_string(state.holder) + " " + std::to_string(state.user_namespace) + " " +
           state.subid_versions + " " + range_text(state.ranges.uid) + " " + range_text(state.ranges.gid) +
           "\n";
}

std::optional<State> parse_state(std::string_view text) {
    const auto fields = split(trim(text), ' ');
    if (fields.size() != 6 || fields[0] != "1") {
        return std::nullopt;
    }
    const auto holder = parse_number(fields[1], INT32_MAX);
    const auto inode = parse_number(fields[2]);
    const auto uid = parse_ranges(fields[4]);
    const auto gid = parse_ranges(fields[5]);
    if (!holder || !inode || !uid || !gid) {
        return std::nullopt;
    }
    return State{
        static_cast<pid_t>(*holder), static_cast<ino_t>(*inode), std::string{fields[3]}, {*uid, *gid}};
}

bool shows_map(const std::string& path, const IdMap& expected) {
    const auto text = read_file_if_exists(AT_FDCWD, path);
    const auto shown = text ? parse_map(*text) : std::nullopt;
    return shown && *shown == expected;
}

/// The holder's user namespace, if it is what the state says; otherwise an empty descriptor.
UniqueFd confirmed_namespace(int state_file, const State& state, uid_t owner, const IdMaps& maps) {
    const std::string proc = "/proc/" + std::to_string(state.holder);
    UniqueFd name_space{::open((proc + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat status {};
    uid_t namespace_owner = 0;
    if (!name_space.valid() || ::fstat(name_space.get(), &status) < 0 ||
        status.st_ino != state.user_namespace ||
        ::ioctl(name_space.get(), NS_GET_OWNER_UID, &namespace_owner) < 0 || namespace_owner != owner) {
        return {};
    }
    // The number may be another process's by now, and the inode another namespace's: a sandbox of the same
    // user with the same maps. But nobody else holds the lock on this file.
    if (::flock(state_file, LOCK_SH | LOCK_NB) == 0) {
        return {};
    }
    if (!shows_map(proc + "/uid_map", maps.uid) || !shows_map(proc + "/gid_map", maps.gid)) {
        return {};
    }
    return name_space;
}

/// Ends the holder when the state file, or its name, has not been touched for long enough.
[[noreturn]] void keep_namespace(int directory, int start_signal) noexcept {
    char byte = 0;
    if (::read(start_signal, &byte, 1) != 1) {
        ::_exit(1); // the maps could not be written
    }
    (void)::close(start_signal);
    struct stat own {};
    if (::fstatat(directory, state_name, &own, AT_SYMLINK_NOFOLLOW) < 0) {
        ::_exit(1);
    }
    while (true) {
        timespec nap{domain_idle_seconds, 0};
        (void)::nanosleep(&nap, nullptr); // a signal only makes one look early
        struct stat status {};
        timespec now{};
        (void)::clock_gettime(CLOCK_REALTIME, &now);
        // Another file of that name belongs to a domain made after the ranges had changed.
        if (::fstatat(directory, state_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            status.st_ino != own.st_ino) {
            ::_exit(0);
        }
        if (now.tv_sec - status.st_mtim.tv_sec >= domain_idle_seconds) {
            // A start that reads the file just now finds the process gone and makes another domain.
            (void)::unlinkat(directory, state_name, 0);
            ::_exit(0);
        }
    }
}

/// The holder's life, between clone and exit: it must not keep anything of the caller's alive but the
/// directory.
[[noreturn]] void hold(int directory, int start_signal, int state) noexcept {
    (void)::setsid();
    set_process_title("sandbox-domain");
    (void)!::chdir("/");
    for (const int signal : {SIGINT, SIGQUIT, SIGHUP, SIGPIPE}) {
        (void)::signal(signal, SIG_IGN);
    }
    sigset_t none;
    (void)::sigemptyset(&none);
    (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) {
        (void)::dup2(null, fd);
    }
    // Three descriptors are kept, from 3 on; copies above all keep any from being overwritten by another. The
    // state's is never used: it holds the lock by which others know that this process is the holder.
    const int kept[] = {directory, start_signal, state};
    int copies[3];
    for (int i = 0; i < 3; ++i) {
        copies[i] = ::fcntl(kept[i], F_DUPFD, 6); // higher than needed would meet a low RLIMIT_NOFILE
    }
    for (int i = 0; i < 3; ++i) {
        (void)::dup2(copies[i], 3 + i);
    }
    (void)sys::close_from(6);
    keep_namespace(3, 4);
}

} // namespace

Domain::Domain(uid_t uid, gid_t gid, std::string fallback_directory)
    : uid_(uid), gid_(gid), fallback_directory_(std::move(fallback_directory)) {}

/// Opens the directory of the state file. @return empty, or why there is none
std::string Domain::open_directory(bool create) {
    if (directory_.valid()) {
        return {};
    }
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    const std::string in_runtime =
        runtime != nullptr && runtime[0] == '/' ? std::string{runtime} + "/sandbox" : "";
    for (const std::string& path : {in_runtime, fallback_directory_}) {
        if (path.empty()) {
            continue;
        }
        if (create && ::mkdir(path.c_str(), 0700) < 0 && errno != EEXIST) {
            continue;
        }
        if (!create && path == in_runtime && ::access(path.c_str(), F_OK) < 0 &&
            ::access(runtime, W_OK) == 0) {
            return "not made yet"; // it would be made there, so the fallback is not looked at
        }
        UniqueFd directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        struct stat status {};
        if (!directory.valid() || ::fstat(directory.get(), &status) < 0) {
            continue;
        }
        if (status.st_uid != uid_ || (status.st_mode & 077) != 0) {
            return path + " is not private to its owner";
        }
        directory_ = std::move(directory);
        return {};
    }
    return "no directory for its state (XDG_RUNTIME_DIR)";
}

std::optional<SubIds> Domain::join_if_exists() {
    if (!open_directory(false).empty()) {
        return std::nullopt;
    }
    const UniqueFd file{::openat(directory_.get(), state_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!file.valid()) {
        return std::nullopt;
    }
    const auto state = parse_state(read_all(file.get(), state_name));
    if (!state || state->subid_versions != subid_versions()) {
        return std::nullopt;
    }
    IdMaps maps{root_is_you(uid_, state->ranges.uid), root_is_you(gid_, state->ranges.gid)};
    const UniqueFd name_space = confirmed_namespace(file.get(), *state, uid_, maps);
    if (!name_space.valid() || ::setns(name_space.get(), CLONE_NEWUSER) < 0) {
        return std::nullopt;
    }
    (void)::futimens(file.get(), nullptr); // only keeps the holder from leaving early
    maps_ = std::move(maps);
    joined_ = true;
    return state->ranges;
}

void Domain::make_and_join(const SubIds& ranges, const Log& log) {
    if (const std::string trouble = open_directory(true); !trouble.empty()) {
        log.debug("domain: not used: " + trouble);
        return;
    }
    const UniqueFd lock{
        check(::openat(directory_.get(), lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), "open",
              lock_name)};
    check(::flock(lock.get(), LOCK_EX), "lock", lock_name);
    if (join_if_exists()) {
        return; // made by another start while this one waited
    }
    start_holder(ranges);
    if (!join_if_exists()) {
        log.debug("domain: made, but could not be joined");
    }
}

void Domain::start_holder(const SubIds& ranges) {
    Pipe start_signal = make_byte_pipe();
    const UniqueFd state_file{check(
        ::openat(directory_.get(), new_state_name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600),
        "make", new_state_name)};
    check(::flock(state_file.get(), LOCK_EX | LOCK_NB), "lock", new_state_name);
    clone_args arguments{};
    arguments.flags = CLONE_NEWUSER;
    arguments.exit_signal = SIGCHLD;
    const pid_t holder = sys::clone3(&arguments);
    if (holder < 0) {
        throw user_namespace_failure(errno);
    }
    if (holder == 0) {
        hold(directory_.get(), start_signal.read.get(), state_file.get());
    }
    start_signal.read.reset();
    Mapping mapping;
    mapping.way = MapWay::helpers;
    mapping.maps = {root_is_you(uid_, ranges.uid), root_is_you(gid_, ranges.gid)};
    try {
        write_maps(holder, mapping);
        struct stat status {};
        check(::stat(("/proc/" + std::to_string(holder) + "/ns/user").c_str(), &status), "look at",
              "the domain");
        write_all(state_file.get(), state_text({holder, status.st_ino, subid_versions(), ranges}),
                  new_state_name);
        check(::renameat(directory_.get(), new_state_name, directory_.get(), state_name), "rename",
              new_state_name);
        check(send_byte(start_signal.write.get(), 'm'), "start", "the domain");
    } catch (...) {
        start_signal.write.reset(); // the holder reads end of file and leaves
        int status = 0;
        if (::waitpid(holder, &status, 0) == holder && WIFSIGNALED(status)) {
            // Whatever went wrong, that is why: no fault of the ranges, and the start can do without.
            throw SystemError(ECHILD, "keep", "the domain");
        }
        throw;
    }
}

} // namespace sandbox
