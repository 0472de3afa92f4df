// SPDX-License-Identifier: Apache-2.0
// Imports: a directory under tmp, sandbox-unpack in it, and the rename that makes it a layer.
#include "image/import.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/helper_path.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "base/unpack_report.hpp"
#include "idmap/mapped_process.hpp"
#include "image/catalog.hpp"
#include "image/image.hpp"
#include "image/known_files.hpp"
#include "image/progress.hpp"
#include "linux/syscalls.hpp"
#include "linux/tree.hpp"

namespace sandbox {

namespace {

/// What sandbox-unpack need not unpack: "DIGEST SIZE" lines of the layers that images here have, as trees of
/// this map. A tree that no record knows may be one that a power failure left half written.
std::string known_layers(const Store& store, const Mapping& mapping) {
    std::map<std::string, std::uint64_t> layers;
    for (const ImageRecord& record : list_images(store)) {
        for (const ImageLayer& layer : record.layers) {
            if (has_tree(store, layer.digest, mapping.key)) {
                layers.emplace(layer.digest, layer.size);
            }
        }
    }
    std::string text;
    for (const auto& [digest, size] : layers) {
        text += digest + " " + std::to_string(size) + "\n";
    }
    return text;
}

ImageRecord read_new_record(int directory, const std::string& name, const std::string& id) {
    const UniqueFd file{check(::openat(directory, "image", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
                              "read the record of", name)};
    auto record = parse_image_record(read_all(file.get(), "the record of " + name, max_image_record));
    if (!record || record->id != id) {
        throw Error(name, "sandbox-unpack wrote a record of the image that cannot be read");
    }
    return *std::move(record);
}

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

UnpackDone run_unpack(const ArchiveFile& archive, const std::string& name, const std::string& directory,
                      const Mapping& mapping, const Log& log) {
    SignalSource signals{SIGINT, SIGTERM, SIGHUP};
    Pipe report = make_pipe();
    SpawnRequest request;
    request.path = helper_path("sandbox-unpack");
    request.arguments = {"sandbox-unpack", mapping.key == shared_map_key ? "share" : "import", directory};
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

} // namespace

ImportDirectory::ImportDirectory(const Store& store, const Mapping& mapping)
    : store_(store), mapping_(mapping), tmp_(store.open_directory(store.fd(), "tmp")) {
    timespec now{};
    (void)::clock_gettime(CLOCK_MONOTONIC, &now);
    name_ = mapping.key + "." + std::to_string(::getpid()) + "." + std::to_string(now.tv_nsec);
    // Shared on tmp itself: nobody clears up between the making and the locking.
    check(::flock(tmp_.get(), LOCK_SH), "lock", "the store's tmp");
    directory_ = store.open_directory(tmp_.get(), name_);
    check(::flock(directory_.get(), LOCK_EX), "lock", name_);
    check(::flock(tmp_.get(), LOCK_UN), "unlock", "the store's tmp");
}

ImportDirectory::~ImportDirectory() {
    try {
        remove_mapped_tree(tmp_.get(), name_, mapping_);
    } catch (const Error&) {
        // What cannot be removed now the next import tries again; the first failure is being reported.
    }
}

std::string ImportDirectory::path() const {
    return store_.path() + "/tmp/" + name_;
}

void ImportDirectory::move_layer(const std::string& digest, const std::string& map_key) {
    const std::string hex{hex_of(digest)};
    const UniqueFd layers = store_.open_directory(store_.fd(), "layers");
    const UniqueFd layer = store_.open_directory(layers.get(), hex);
    if (store_.is_shared()) { // sandbox-unpack leaves it to the directories above to keep others out
        check(::fchmodat(fd(), hex.c_str(), 0755, 0), "set the mode of", hex);
    }
    if (::renameat2(fd(), hex.c_str(), layer.get(), map_key.c_str(), RENAME_NOREPLACE) == 0) {
        return;
    }
    const int code = errno;
    if ((code != EEXIST && code != ENOENT) ||
        ::faccessat(layer.get(), map_key.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        throw_errno(code, "move the tree into", store_.path() + "/layers");
    }
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

NewImage import_archive(const ArchiveFile& archive, const std::string& name, const Store& store,
                        const Mapping& mapping, const Log& log) {
    (void)remove_dead_imports(store, mapping);
    ImportDirectory directory{store, mapping};
    write_file_atomically(directory.fd(), "known", known_layers(store, mapping));
    const UnpackDone done = run_unpack(archive, name, directory.path(), mapping, log);
    if (done.devices > 0) {
        log.debug(name + ": " + std::to_string(done.devices) + " device nodes skipped");
    }
    log.debug(name + ": " + std::to_string(done.entries) + " entries, " + done.digest);
    ImageRecord record = read_new_record(directory.fd(), name, done.digest);
    record.imported_at = ::time(nullptr);
    put_known_file(store, new_image_key(record.id), {record.id, record.imported_at, boot_id()});
    for (const ImageLayer& layer : record.layers) {
        directory.move_layer(layer.digest, mapping.key);
    }
    record.source = name;
    return {record.id, put_image_record(store, record)};
}

bool has_imports_under_way(const Store& store) {
    return ::faccessat(store.fd(), "tmp", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
           !is_empty_directory(store.fd(), "tmp");
}

namespace {

/// @param prefix of the names that are looked at
unsigned remove_dead(const Store& store, const Mapping& mapping, const std::string& prefix) {
    const UniqueFd tmp{::openat(store.fd(), "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    unsigned removed = 0;
    if (!tmp.valid() || ::flock(tmp.get(), LOCK_EX | LOCK_NB) < 0) {
        return removed; // none, or another import is just beginning; there will be a next time
    }
    for (const std::string& name : entries_of(tmp.get(), ".")) {
        if (!name.starts_with(prefix)) {
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

} // namespace

unsigned remove_dead_imports(const Store& store, const Mapping& mapping) {
    // Only what was made with the same map can surely be removed with it.
    return remove_dead(store, mapping, mapping.key + ".");
}

unsigned remove_all_dead_imports(const Store& store, const Mapping& mapping) {
    return remove_dead(store, mapping, "");
}

} // namespace sandbox
