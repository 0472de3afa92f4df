// SPDX-License-Identifier: Apache-2.0
// What several unit tests need: a directory of their own, and errors as values to compare.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"

namespace sandbox::test {

/// A fresh directory that goes with all in it, whatever modes its content has.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        const char* base = std::getenv("TMPDIR");
        std::string pattern = std::string{base != nullptr ? base : "/tmp"} + "/sandbox-unit.XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) {
            throw_errno(errno, "make", pattern);
        }
        path_ = pattern;
        fd_ = UniqueFd{check(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", path_)};
    }
    ~TemporaryDirectory() {
        const std::string command = "chmod -R u+rwX '" + path_ + "'; rm -rf '" + path_ + "'";
        (void)!std::system(command.c_str()); // what stays is in /tmp
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] const std::string& path() const { return path_; }

    void make_directory(const std::string& name, mode_t mode = 0755) const {
        check(::mkdirat(fd(), name.c_str(), 0700), "make", name);
        check(::fchmodat(fd(), name.c_str(), mode, 0), "set the mode of", name);
    }
    void make_file(const std::string& name, std::string_view content) const {
        const UniqueFd file{check(
            ::openat(fd(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), "make", name)};
        write_all(file.get(), content, name);
    }
    void make_link(const std::string& name, const std::string& points_to) const {
        check(::symlinkat(points_to.c_str(), fd(), name.c_str()), "make", name);
    }
    [[nodiscard]] bool has(const std::string& name) const {
        return ::faccessat(fd(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    }

  private:
    std::string path_;
    UniqueFd fd_;
};

/// What a call threw. Empty where it threw nothing.
struct Failure {
    bool thrown = false;
    bool is_usage = false;
    std::string message; ///< as main prints it, without "sandbox: "
    std::string hint;
};

template <typename Call>
Failure failure_of(Call call) {
    try {
        call();
    } catch (const UsageError& error) {
        return {true, true, error.what(), error.hint()};
    } catch (const Error& error) {
        return {true, false, error.what(), error.hint()};
    }
    return {};
}

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

/// A UsageError whose message has every part, such as the option's name and the value at fault.
template <typename Call, typename... Parts>
::testing::AssertionResult refuses(Call call, const Parts&... parts) {
    const Failure failure = failure_of(call);
    if (!failure.is_usage) {
        return ::testing::AssertionFailure()
               << (failure.thrown ? "another kind of error: " + failure.message : "nothing was refused");
    }
    for (const std::string_view part : {std::string_view{}, std::string_view{parts}...}) {
        if (!contains(failure.message, part)) {
            return ::testing::AssertionFailure() << "no \"" << part << "\" in: " << failure.message;
        }
    }
    return ::testing::AssertionSuccess();
}

} // namespace sandbox::test
