// SPDX-License-Identifier: Apache-2.0
// A name beside the file's own, until it is complete.
#include "output_file.hpp"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

bool is_stdout(const std::string& path) {
    return path.empty() || path == "-";
}

} // namespace

OutputFile::OutputFile(const std::string& path) : path_(path) {
    struct stat status {};
    if (is_stdout(path)) {
        fd_ = UniqueFd{check(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), "use", "stdout")};
    } else if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        fd_ = UniqueFd{
            check(::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY), "write", printable(path_))};
    } else {
        // A link stays one: what it leads to is replaced, and keeps its mode.
        char resolved[PATH_MAX];
        const bool is_there = ::realpath(path_.c_str(), resolved) != nullptr;
        path_ = is_there ? resolved : path_;
        const std::string beside = path_ + ".tmp." + std::to_string(::getpid());
        constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        fd_ = UniqueFd{check(::open(beside.c_str(), flags, 0666), "write", printable(path_))};
        temporary_ = beside;
        if (is_there) {
            check(::fchmod(fd_.get(), status.st_mode & 0777U), "set the mode of", printable(path_));
        }
    }
}

OutputFile::~OutputFile() {
    if (!temporary_.empty()) {
        (void)::unlink(temporary_.c_str()); // the failure that leads here is being reported
    }
}

void OutputFile::complete() {
    if (temporary_.empty()) {
        return;
    }
    check(::fsync(fd_.get()), "write", printable(path_));
    check(::rename(temporary_.c_str(), path_.c_str()), "write", printable(path_));
    temporary_.clear();
}

void OutputFile::require_place(const std::string& path, const std::string& object) {
    struct stat status {};
    if (is_stdout(path)) {
        return;
    }
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        if (S_ISDIR(status.st_mode)) {
            throw SystemError(EISDIR, "write", object);
        }
        check(::access(path.c_str(), W_OK), "write", object);
        return;
    }
    const auto slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    check(::access(directory.c_str(), W_OK | X_OK), "write to the directory of", object);
}

} // namespace sandbox
