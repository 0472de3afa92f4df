// SPDX-License-Identifier: Apache-2.0
// Directories are watched, not the file: it is replaced by rename(2), and a link to it may be bent elsewhere.
#include "run/resolver_watch.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "base/error.hpp"
#include "base/files.hpp"

namespace sandbox {

namespace {

constexpr const char* resolv_conf = "/etc/resolv.conf";

std::string content() {
    try {
        return read_file_if_exists(AT_FDCWD, resolv_conf).value_or("");
    } catch (const Error&) {
        return ""; // unreadable for the moment: no name server, as libc has it
    }
}

void watch_directory_of(int inotify, const std::string& path) {
    const std::string directory = path.substr(0, path.rfind('/') + 1);
    (void)::inotify_add_watch(inotify, directory.c_str(),
                              IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR);
}

} // namespace

ResolverWatch::ResolverWatch()
    : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)), last_(inotify_.valid() ? content() : "") {
    watch();
}

void ResolverWatch::watch() {
    if (!inotify_.valid()) {
        return;
    }
    watch_directory_of(inotify_.get(), resolv_conf);
    char target[PATH_MAX];
    if (::realpath(resolv_conf, target) != nullptr) {
        watch_directory_of(inotify_.get(), target);
    }
}

std::optional<std::string> ResolverWatch::take_change() {
    alignas(inotify_event) char events[4096];
    while (::read(inotify_.get(), events, sizeof events) > 0) {
        // What happened does not matter: other files of these directories change too.
    }
    watch(); // the link may lead elsewhere now; watching a directory twice is watching it once
    std::string now = content();
    if (now == last_) {
        return std::nullopt;
    }
    last_ = now;
    return now;
}

} // namespace sandbox
