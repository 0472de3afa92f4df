// SPDX-License-Identifier: Apache-2.0
// Imports: a directory under tmp, sandbox-unpack in it, and the rename that makes it a layer.
#include "image/import.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/helper_path.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "base/unpack_report.hpp"
#include "idmap/mapped_process.hpp"
#include "image/image.hpp"
#include "image/progress.hpp"
#include "linux/syscalls.hpp"
#include "linux/tree.hpp"

namespace sandbox {

namespace {

constexpr std::string_view digest_prefix = "sha256:";

/// ROOT/tmp/NAME, locked while its maker lives, removed with all in it unless it was moved away.
class ImportDirectory {
  public:
    ImportDirectory(const Store& store, const Mapping& mapping)
        : mapping_(mapping), tmp_(store.open_directory(store.fd(), "tmp")) {
        timespec now{};
        (void)::clock_gettime(CLOCK_MONOTONIC, &now);
        name_ = mapping.key + "." + std::to_string(::getpid()) + "." + std::to_string(now.tv_nsec);
        // Shared on tmp itself: nobody clears up between the making and the locking.
        check(::flock(tmp_.get(), LOCK_SH), "lock", "the store's tmp");
        directory_ = store.open_directory(tmp_.get(), name_);
        check(::flock(directory_.get(), LOCK_EX), "lock", name_);
        check(::flock(tmp_.get(), LOCK_UN), "unlock", "the store's tmp");
        check(::mkdirat(directory_.get(), "root", 0755), "make a directory in the store", store.path());
        // The tree's root has the archive's mode or this one, whatever the caller's umask.
        check(::fchmodat(directory_.get(), "root", 0755, 0), "set the mode of", "the tree's root");
        path_ = store.path() + "/tmp/" + name_;
    }
    ~ImportDirectory() {
        if (name_.empty()) {
            return;
        }
        try {
            remove_mapped_tree(tmp_.get(), name_, mapping_);
        } catch (const Error&) {
            // What cannot be removed now the next import tries again; the first failure is being reported.
        }
    }
    ImportDirectory(const ImportDirectory&) = delete;
    ImportDirectory& operator=(const ImportDirectory&) = delete;

    [[nodiscard]] std::string tree() const { return path_ + "/root"; }

    /// Makes it layers/HEX/MAP. Where that is there already, this one is dropped.
    void become_layer(const Store& store, const std::string& digest) {
        const UniqueFd layers = store.open_directory(store.fd(), "layers");
        const UniqueFd layer = store.open_directory(layers.get(), digest.substr(digest_prefix.size()));
        if (::renameat2(tmp_.get(), name_.c_str(), layer.get(), mapping_.key.c_str(), RENAME_NOREPLACE) ==
            0) {
            name_.clear();
        } else if (errno != EEXIST) {
            throw_errno(errno, "move the tree into", store.path() + "/layers");
        }
    }

  private:
    const Mapping& mapping_;
    UniqueFd tmp_;
    UniqueFd directory_;
    std::string name_;
    std::string path_;
};

[[noreturn]] void fail_import(const std::string& name, const UnpackFailure& failure) {
    const std::string object = failure.object.empty() ? name : name + ": " + printable(failure.object);
    throw UsageError(object, printable(failure.reason), printable(failure.hint));
}

/// Reads the helper's lines until its last one. Signals of the user end the helper first.
class ReportReader {
  public:
    ReportReader(const std::string& name, std::uint64_t size, const Log& log)
        : bar_(name, size, log.shows(LogLevel::warn)) {}

    std::optional<UnpackReport> read_last(int report_fd, const ChildProcess& child, SignalSource& signals) {
        while (true) {
            pollfd wanted[] = {{report_fd, POLLIN, 0}, {signals.fd(), POLLIN, 0}};
            if (::poll(wanted, 2, -1) < 0 && errno != EINTR) {
                throw_errno(errno, "wait for", "sandbox-unpack");
            }
            if (const auto signal = signals.take()) {
                (void)sys::pidfd_send_signal(child.pidfd.get(), SIGKILL);
                (void)wait_for(child);
                throw Interrupted{static_cast<int>(signal->ssi_signo)};
            }
            if ((wanted[0].revents & (POLLIN | POLLHUP)) != 0 && !take_bytes(report_fd)) {
                return last_;
            }
        }
    }

  private:
    /// @return false at the end of the reports
    bool take_bytes(int report_fd) {
        char buffer[4096];
        const ssize_t got = ::read(report_fd, buffer, sizeof buffer);
        if (got <= 0) {
            return false;
        }
        pending_.append(buffer, static_cast<std::size_t>(got));
        for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
            take_line(std::string_view{pending_}.substr(0, end));
            pending_.erase(0, end + 1);
        }
        return pending_.size() <= max_report_line;
    }

    void take_line(std::string_view line) {
        const auto report = parse_unpack_report(line);
        if (!report) {
            return;
        }
        if (const auto* progress = std::get_if<UnpackProgress>(&*report)) {
            bar_.show(progress->archive_bytes);
        } else {
            last_ = report;
        }
    }

    ProgressBar bar_;
    std::string pending_;
    std::optional<UnpackReport> last_;
};

UnpackDone run_unpack(const ArchiveFile& archive, const std::string& name, const std::string& tree,
                      const Mapping& mapping, const Log& log) {
    SignalSource signals{SIGINT, SIGTERM, SIGHUP};
    Pipe report = make_pipe();
    SpawnRequest request;
    request.path = helper_path("sandbox-unpack");
    request.arguments = {"sandbox-unpack", "extract", tree};
    request.fds = {{archive.fd, 0}, {report.write.get(), 3}};
    const ChildProcess child = spawn_mapped(request, mapping);
    report.write.reset();
    ReportReader reader{name, archive.size, log};
    const auto last = reader.read_last(report.read.get(), child, signals);
    if (!last) {
        (void)sys::pidfd_send_signal(child.pidfd.get(), SIGKILL); // closed its report, or wrote nonsense
    }
    const int status = wait_for(child);
    if (last && std::holds_alternative<UnpackFailure>(*last)) {
        fail_import(name, std::get<UnpackFailure>(*last));
    }
    if (last && std::holds_alternative<UnpackDone>(*last) && status == 0) {
        return std::get<UnpackDone>(*last);
    }
    throw Error(
        name,
        WIFSIGNALED(status) ? "sandbox-unpack was killed by signal " + std::to_string(WTERMSIG(status))
                            : "sandbox-unpack ended with status " + std::to_string(shell_status(status)),
        shell_status(status) == 127 ? request.path + " must be installed, with its libraries (ldd shows them)"
                                    : "");
}

struct CloseDir {
    void operator()(DIR* stream) const noexcept { (void)::closedir(stream); }
};

std::vector<std::string> entries_of(int dir_fd) {
    const int copy = ::openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, CloseDir> stream{copy < 0 ? nullptr : ::fdopendir(copy)};
    std::vector<std::string> names;
    while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
        if (entry->d_name[0] != '.') {
            names.emplace_back(entry->d_name);
        }
    }
    return names;
}

} // namespace

bool is_digest(std::string_view text) {
    return text.size() == digest_prefix.size() + 64 && text.starts_with(digest_prefix) &&
           text.find_first_not_of("0123456789abcdef", digest_prefix.size()) == std::string_view::npos;
}

std::string tree_path(const std::string& digest, const Mapping& mapping) {
    return "layers/" + digest.substr(digest_prefix.size()) + "/" + mapping.key + "/root";
}

ImportLock::ImportLock(int tars_fd, const std::string& key) : tars_fd_(tars_fd), name_(key + ".lock") {
    while (true) {
        file_ =
            UniqueFd{check(::openat(tars_fd_, name_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600),
                           "make a lock in the store", name_)};
        check(::flock(file_.get(), LOCK_EX), "lock", name_);
        // The holder before may have unlinked the name between the two calls: then this is no lock.
        struct stat held {};
        struct stat named {};
        check(::fstat(file_.get(), &held), "look at", name_);
        if (::fstatat(tars_fd_, name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
            named.st_ino == held.st_ino) {
            return;
        }
    }
}

ImportLock::~ImportLock() {
    (void)::unlinkat(tars_fd_, name_.c_str(), 0);
}

std::string import_archive(const ArchiveFile& archive, const std::string& name, const Store& store,
                           const Mapping& mapping, const Log& log) {
    (void)remove_dead_imports(store, mapping);
    ImportDirectory directory{store, mapping};
    const UnpackDone done = run_unpack(archive, name, directory.tree(), mapping, log);
    if (done.devices > 0) {
        log.debug(name + ": " + std::to_string(done.devices) + " device nodes skipped");
    }
    log.debug(name + ": " + std::to_string(done.entries) + " entries, " + done.digest);
    directory.become_layer(store, done.digest);
    return done.digest;
}

bool has_imports_under_way(const Store& store) {
    return ::faccessat(store.fd(), "tmp", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
           !is_empty_directory(store.fd(), "tmp");
}

unsigned remove_dead_imports(const Store& store, const Mapping& mapping) {
    const UniqueFd tmp{::openat(store.fd(), "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    unsigned removed = 0;
    if (!tmp.valid() || ::flock(tmp.get(), LOCK_EX | LOCK_NB) < 0) {
        return removed; // none, or another import is just beginning; there will be a next time
    }
    for (const std::string& name : entries_of(tmp.get())) {
        // Only what was made with the same map can be removed with it.
        if (!name.starts_with(mapping.key + ".")) {
            continue;
        }
        const UniqueFd directory{
            ::openat(tmp.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (directory.valid() && ::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) {
            remove_mapped_tree(tmp.get(), name, mapping);
            ++removed;
        }
    }
    return removed;
}

} // namespace sandbox
