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
#include <cstdio>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include "base/error.hpp"

namespace sandbox {

namespace {

bool is_of_the_sandbox(const std::string& path) {
    static constexpr const char* own[] = {"/proc", "/sys", "/dev", "/tmp", "/run", "/var/tmp"};
    return std::any_of(std::begin(own), std::end(own), [&](const char* place) { return path == place; });
}

} // namespace

ReadTrace::ReadTrace(std::string place)
    : queue_(check(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "make", "an inotify queue")),
      place_(std::move(place)) {}

void ReadTrace::watch(UniqueFd root) {
    watch_tree(root.get(), ".", 0);
}

void ReadTrace::watch_tree(int parent, const char* name, int above) {
    struct stat status {};
    if (path_.size() >= PATH_MAX) {
        gap_ = error_text(ENAMETOOLONG); // of a file there may only be a name from nearby
        return;
    }
    if (is_of_the_sandbox(path_) || ::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(status.st_mode)) {
        return;
    }
    // What a program has open to write is closed with another event. A file that is executed, or mapped, is
    // closed by the end of the process.
    constexpr std::uint32_t events = IN_CLOSE_NOWRITE | IN_ONLYDIR | IN_DONT_FOLLOW;
    char magic[NAME_MAX + 64];
    (void)std::snprintf(magic, sizeof magic, "/proc/self/fd/%d/%s", parent, name);
    const int watch = ::inotify_add_watch(queue_.get(), magic, events);
    if (watch < 0) {
        if (errno != EACCES) { // what we cannot read the build cannot either
            gap_ = errno == ENOSPC ? "fs.inotify.max_user_watches allows no more watches" : error_text(errno);
        }
        return;
    }
    watched_.resize(std::max(watched_.size(), static_cast<std::size_t>(watch) + 1));
    Place& place = watched_[static_cast<std::size_t>(watch)];
    if (place.above <
        0) { // a directory that is mounted twice keeps its first place: maybe it is within itself
        place = {above, path_.empty() ? "" : name};
    }
    constexpr int often = 1000; // our own looking fills the queue as well
    if (watch % often == 0) {
        read_events();
    }
    // A directory with two links, its name and its ".", has no other in it: find(1) saves as much by that.
    // The workspace may lie on a file system that counts otherwise.
    const bool may_count_otherwise = path_ == place_ || path_.starts_with(place_ + "/");
    if (status.st_nlink != 2 || may_count_otherwise) {
        watch_below(parent, name, watch);
    }
}

/// With the system call itself: opendir(3) makes three more for each of some thousands of directories.
void ReadTrace::watch_below(int parent, const char* name, int above) {
    const UniqueFd directory{::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!directory.valid()) {
        gap_ = errno == EACCES ? gap_ : error_text(errno);
        return;
    }
    const std::size_t length = path_.size();
    constexpr std::size_t room = 1 << 13;
    const auto entries = std::make_unique_for_overwrite<char[]>(room); // a deep tree is no deep stack
    ssize_t size = 0;
    while ((size = ::getdents64(directory.get(), entries.get(), room)) > 0) {
        for (ssize_t at = 0; at < size;) {
            const auto* entry = reinterpret_cast<const dirent64*>(entries.get() + at);
            at += entry->d_reclen;
            const bool is_directory = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
            if (is_directory && std::strcmp(entry->d_name, ".") != 0 &&
                std::strcmp(entry->d_name, "..") != 0) {
                path_.append("/").append(entry->d_name);
                watch_tree(directory.get(), entry->d_name, above);
                path_.resize(length);
            }
        }
    }
    if (size < 0) {
        gap_ = error_text(errno);
    }
}

std::string ReadTrace::path_of(int watch) const {
    std::string path;
    for (int at = watch; at > 0; at = watched_[static_cast<std::size_t>(at)].above) {
        const std::string& name = watched_[static_cast<std::size_t>(at)].name;
        path.insert(0, name.empty() ? "" : "/" + name);
    }
    return path;
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
        if (watch > 0 && static_cast<std::size_t>(watch) < watched_.size()) {
            opened_.insert(path_of(watch) + "/" + name);
        }
    }
    names_.clear();
}

} // namespace sandbox
