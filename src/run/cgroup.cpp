// SPDX-License-Identifier: Apache-2.0
// A delegated cgroup, found or asked for, and the limits in it.
#include "run/cgroup.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/helper_path.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

constexpr const char* no_delegation_hint =
    "where systemd is: log in with a session of your own, or: systemd-run --user --scope -p Delegate=yes "
    "sandbox ...";

/// Where version 2 is mounted, alone or beside version 1; empty where it is not.
std::string cgroup_mount() {
    for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        struct statfs status {};
        if (::statfs(path, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC) {
            return path;
        }
    }
    return {};
}

/// The line of version 2 is "0::PATH". cgroups(7)
std::string own_path() {
    const std::string text = read_file(AT_FDCWD, "/proc/self/cgroup");
    for (const std::string_view line : split(text, '\n')) {
        if (line.starts_with("0::/")) {
            return std::string{line.substr(3)};
        }
    }
    return {};
}

std::vector<std::string> words_of(int directory, const char* file) {
    std::vector<std::string> words;
    const std::string text = read_file_if_exists(directory, file).value_or("");
    for (const std::string_view word : split(trim(text), ' ')) {
        words.emplace_back(word);
    }
    return words;
}

std::vector<std::string> missing_from(const std::vector<std::string>& wanted,
                                      const std::vector<std::string>& there) {
    std::vector<std::string> missing;
    std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(missing), [&](const std::string& word) {
        return std::find(there.begin(), there.end(), word) == there.end();
    });
    return missing;
}

std::vector<std::string> controllers_of(const std::vector<CgroupSetting>& settings) {
    std::vector<std::string> controllers;
    for (const CgroupSetting& setting : settings) {
        if (std::find(controllers.begin(), controllers.end(), setting.controller) == controllers.end()) {
            controllers.push_back(setting.controller);
        }
    }
    return controllers;
}

std::string joined(const std::vector<std::string>& words, const char* before) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : " ") + std::string{before} + word;
    }
    return text;
}

/// @return 0 or errno
int write_setting(int directory, const char* file, std::string_view value) noexcept {
    const UniqueFd opened{::openat(directory, file, O_WRONLY | O_CLOEXEC)};
    if (!opened.valid()) {
        return errno;
    }
    return ::write(opened.get(), value.data(), value.size()) < 0 ? errno : 0;
}

UniqueFd make_directory(int parent, const std::string& name) {
    if (::mkdirat(parent, name.c_str(), 0755) < 0) {
        return UniqueFd{};
    }
    return UniqueFd{::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

/// The same with a lock that tells others that it is in use. One who clears away may have been faster: again.
UniqueFd make_used_directory(int parent, const std::string& name) {
    constexpr int attempts = 10;
    for (int i = 0; i < attempts; ++i) {
        UniqueFd made = make_directory(parent, name);
        struct stat opened {};
        struct stat named {};
        if (!made.valid() ||
            (::flock(made.get(), LOCK_SH | LOCK_NB) == 0 && ::fstat(made.get(), &opened) == 0 &&
             ::fstatat(parent, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
             opened.st_ino == named.st_ino)) {
            return made;
        }
        (void)::unlinkat(parent, name.c_str(), AT_REMOVEDIR); // where it is still there
    }
    errno = EAGAIN;
    return UniqueFd{};
}

/// @return what the helper says went wrong, or nothing
std::string ask_for_scope(const SessionAddress& session) {
    Pipe output = make_pipe();
    const UniqueFd null{check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null")};
    SpawnRequest request;
    request.path = helper_path("sandbox-aid");
    request.arguments = {"sandbox-aid", "scope", std::to_string(::getpid())};
    if (!session.runtime_directory.empty()) {
        request.environment.push_back("XDG_RUNTIME_DIR=" + session.runtime_directory);
    }
    if (!session.bus.empty()) {
        request.environment.push_back("DBUS_SESSION_BUS_ADDRESS=" + session.bus);
    }
    request.fds = {{null.get(), STDIN_FILENO}, {output.write.get(), STDOUT_FILENO}};
    const ChildProcess aid = spawn(request);
    output.write.reset();
    const std::string text = read_all(output.read.get(), "sandbox-aid");
    const int status = shell_status(wait_for(aid));
    if (status == 0) {
        return {};
    }
    const auto lines = split(text, '\n');
    return lines.size() > 1 ? std::string{lines[0]} + ": " + std::string{lines[1]}
                            : "sandbox-aid ended with status " + std::to_string(status);
}

} // namespace

std::vector<CgroupSetting> cgroup_settings(const CgroupLimits& limits) {
    std::vector<CgroupSetting> settings;
    if (limits.memory) {
        settings.push_back({"memory", "memory.max", std::to_string(*limits.memory), "--memory"});
        // Memory that is swapped out is memory too. Not there without swap accounting.
        settings.push_back({"memory", "memory.swap.max", "0", ""});
    }
    if (limits.cpu_quota) {
        settings.push_back({"cpu", "cpu.max", std::to_string(*limits.cpu_quota) + " 100000", "--cpus"});
    }
    if (limits.processes) {
        settings.push_back({"pids", "pids.max", std::to_string(*limits.processes), "--pids-limit"});
    }
    return settings;
}

SandboxCgroup::SandboxCgroup(const std::vector<CgroupSetting>& settings, const SessionAddress& session,
                             const Log& log)
    : name_("sandbox-" + std::to_string(::getpid())) {
    const std::string object = settings.front().option;
    try {
        if (!try_own(settings)) {
            log.debug("cgroup: " + reason_ + "; asking systemd for a scope");
            const std::string own_reason = reason_;
            const std::string failure = ask_for_scope(session);
            if (!failure.empty()) {
                throw Error(object, "cannot be enforced: " + own_reason + "; " + failure, hint_);
            }
            if (!try_own(settings)) {
                throw Error(object, "cannot be enforced: " + reason_, hint_);
            }
        }
    } catch (...) {
        release();
        throw;
    }
}

SandboxCgroup::~SandboxCgroup() {
    release();
}

bool SandboxCgroup::try_own(const std::vector<CgroupSetting>& settings) {
    release();
    const std::string mount = cgroup_mount();
    const std::string path = own_path();
    hint_ = no_delegation_hint;
    if (mount.empty() || path.empty() || path.starts_with("/..")) {
        reason_ = "no cgroup of version 2 is in sight";
        hint_ = "boot with systemd.unified_cgroup_hierarchy=1; in a container, mount its cgroup2";
        return false;
    }
    const std::string directory = mount + path;
    own_ = UniqueFd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    const std::vector<std::string> controllers = controllers_of(settings);
    const auto absent = missing_from(controllers, words_of(own_.get(), "cgroup.controllers"));
    if (!own_.valid() || !absent.empty()) {
        reason_ = "the cgroup " + printable(path) + " has no controller " + joined(absent, "");
        hint_ =
            "systemd: Delegate=cpu io memory pids in user@.service; a host with cgroup v1 has none to give";
        return false;
    }
    if (::faccessat(own_.get(), "cgroup.procs", W_OK, AT_EACCESS) < 0 || !enable(controllers)) {
        reason_ = reason_.empty() ? "the cgroup " + printable(path) + " is not yours" : reason_;
        return false;
    }
    clear_away_dead();
    make_payload(settings);
    return true;
}

/// What killed ones left. A cgroup that is in use cannot be removed, one that is being made has a lock.
void SandboxCgroup::clear_away_dead() const noexcept {
    const int copy = ::openat(own_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* const list = copy < 0 ? nullptr : ::fdopendir(copy);
    while (const dirent* entry = list == nullptr ? nullptr : ::readdir(list)) {
        const std::string_view name = entry->d_name;
        if (!name.starts_with("sandbox-") || entry->d_type != DT_DIR) {
            continue;
        }
        const UniqueFd directory{::openat(own_.get(), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (directory.valid() && ::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) {
            (void)::unlinkat(directory.get(), "payload", AT_REMOVEDIR);
            (void)::unlinkat(own_.get(), entry->d_name, AT_REMOVEDIR);
        }
    }
    if (list != nullptr) {
        (void)::closedir(list);
    }
}

/// Controllers for what lies below. Those of processes need a cgroup without processes: so this one steps
/// aside.
bool SandboxCgroup::enable(const std::vector<std::string>& controllers) {
    const auto absent = missing_from(controllers, words_of(own_.get(), "cgroup.subtree_control"));
    if (absent.empty()) {
        return true;
    }
    const std::string leaf = name_ + ".supervisor";
    aside_ = make_used_directory(own_.get(), leaf);
    if (aside_.valid()) {
        moved_ = write_setting(aside_.get(), "cgroup.procs", "0") == 0;
    }
    const int code = write_setting(own_.get(), "cgroup.subtree_control", joined(absent, "+"));
    if (code != 0) {
        reason_ = code == EBUSY ? "other processes share its cgroup" : "its cgroup: " + error_text(code);
        return false;
    }
    enabled_ = joined(absent, "-");
    return true;
}

void SandboxCgroup::make_payload(const std::vector<CgroupSetting>& settings) {
    limits_ = make_used_directory(own_.get(), name_);
    check(limits_.get(), "make", "a cgroup");
    for (const CgroupSetting& setting : settings) {
        if (setting.file.empty()) {
            continue;
        }
        const int code = write_setting(limits_.get(), setting.file.c_str(), setting.value);
        if (code != 0 && !(code == ENOENT && setting.option.empty())) {
            throw SystemError(code, "set " + setting.file, setting.option);
        }
    }
    payload_ = make_directory(limits_.get(), "payload");
    check(payload_.get(), "make", "a cgroup");
}

std::uint64_t SandboxCgroup::oom_kills() const {
    const std::string text = read_file_if_exists(limits_.get(), "memory.events").value_or("");
    for (const std::string_view line : split(text, '\n')) {
        if (line.starts_with("oom_kill ")) {
            return parse_number(line.substr(9)).value_or(0);
        }
    }
    return 0;
}

/// Back, with the helpers that live on: the holder of the domain.
void SandboxCgroup::leave_aside() const noexcept {
    try {
        const std::string pids = read_file(own_.get(), name_ + ".supervisor/cgroup.procs");
        for (const std::string_view pid : split(trim(pids), '\n')) {
            (void)write_setting(own_.get(), "cgroup.procs", pid); // ended meanwhile
        }
    } catch (const std::exception&) {
        (void)write_setting(own_.get(), "cgroup.procs", "0");
    }
}

/// The way back, each step as far as it goes: a cgroup that stays behind is empty and limits nobody.
void SandboxCgroup::release() noexcept {
    if (payload_.valid()) {
        (void)::unlinkat(limits_.get(), "payload", AT_REMOVEDIR);
    }
    if (limits_.valid()) {
        (void)::unlinkat(own_.get(), name_.c_str(), AT_REMOVEDIR);
    }
    if (!enabled_.empty()) {
        (void)write_setting(own_.get(), "cgroup.subtree_control", enabled_);
    }
    if (moved_) {
        leave_aside();
    }
    if (own_.valid()) {
        (void)::unlinkat(own_.get(), (name_ + ".supervisor").c_str(), AT_REMOVEDIR);
    }
    payload_.reset();
    limits_.reset();
    aside_.reset();
    own_.reset();
    enabled_.clear();
    reason_.clear();
    moved_ = false;
}

} // namespace sandbox
