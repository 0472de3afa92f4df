// SPDX-License-Identifier: Apache-2.0
// A watch for each directory, and one event for each file that is closed and was not open to be written.
#include "build/read_trace.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include "base/error.hpp"

namespace sandbox {

namespace {

struct CloseDir {
    void operator()(DIR* stream) const noexcept { (void)::closedir(stream); }
};

bool is_of_the_sandbox(const std::string& path) {
    static constexpr const char* own[] = {"/proc", "/sys", "/dev", "/tmp", "/run", "/var/tmp"};
    return std::any_of(std::begin(own), std::end(own), [&](const char* place) { return path == place; });
}

} // namespace

ReadTrace::ReadTrace(std::string place)
    : queue_(check(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "make", "an inotify queue")),
      place_(std::move(place)) {}

void ReadTrace::watch(UniqueFd root) {
    watch_tree(root.get(), ".", "");
}

void ReadTrace::watch_tree(int parent, const char* name, const std::string& path) {
    struct stat status {};
    if (is_of_the_sandbox(path) || ::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(status.st_mode)) {
        return;
    }
    // What a program has open to write is closed with another event. A file that is executed, or mapped, is
    // closed by the end of the process.
    constexpr std::uint32_t events = IN_CLOSE_NOWRITE | IN_ONLYDIR | IN_DONT_FOLLOW;
    const std::string magic = "/proc/self/fd/" + std::to_string(parent) + "/" + name;
    const int watch = ::inotify_add_watch(queue_.get(), magic.c_str(), events);
    if (watch < 0) {
        if (errno != EACCES) { // what we cannot read the build cannot either
            gap_ = errno == ENOSPC ? "fs.inotify.max_user_watches allows no more watches" : error_text(errno);
        }
        return;
    }
    paths_[watch] = path;
    constexpr std::size_t often = 1000; // our own looking fills the queue as well
    if (paths_.size() % often == 0) {
        read_events();
    }
    // A directory with two links, its name and its ".", has no other in it: find(1) saves as much by that.
    // The workspace may lie on a file system that counts otherwise.
    const bool may_count_otherwise = path == place_ || path.starts_with(place_ + "/");
    if (status.st_nlink != 2 || may_count_otherwise) {
        watch_below(parent, name, path);
    }
}

void ReadTrace::watch_below(int parent, const char* name, const std::string& path) {
    UniqueFd directory{::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    const std::unique_ptr<DIR, CloseDir> stream{directory.valid() ? ::fdopendir(directory.get()) : nullptr};
    if (!stream) {
        gap_ = errno == EACCES ? gap_ : error_text(errno);
        return;
    }
    const int fd = directory.release(); // the stream owns it now
    while (const dirent* entry = ::readdir(stream.get())) {
        const bool is_directory = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
        if (is_directory && std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) {
            watch_tree(fd, entry->d_name, path + "/" + entry->d_name);
        }
    }
}

void ReadTrace::read_events() {
    alignas(inotify_event) char buffer[1 << 16];
    ssize_t size = 0;
    while ((size = ::read(queue_.get(), buffer, sizeof buffer)) > 0) {
        for (ssize_t at = 0; at < size;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
            at += static_cast<ssize_t>(sizeof *event + event->len);
            if ((event->mask & IN_Q_OVERFLOW) != 0) {
                gap_ = "events came faster than they were read: fs.inotify.max_queued_events";
            } else if (event->len > 0 && (event->mask & IN_ISDIR) == 0) {
                names_.emplace(event->wd, event->name);
            }
        }
    }
}

void ReadTrace::finish() {
    read_events();
    for (const auto& [watch, name] : names_) {
        const auto path = paths_.find(watch);
        if (path != paths_.end()) {
            opened_.insert(path->second + "/" + name);
        }
    }
    names_.clear();
}

} // namespace sandbox
