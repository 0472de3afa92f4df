// SPDX-License-Identifier: Apache-2.0
// A path looked up through an image's layers.
#include "rootfs/layered_path.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

/// A directory as the image shows it: its parts in the layers, uppermost first, open.
using MergedDirectory = std::vector<UniqueFd>;

/// A character device 0:0 hides what lower layers have.
bool is_whiteout(const struct stat& status) {
    return S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

bool is_opaque(int directory) {
    char value = 0;
    return ::fgetxattr(directory, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

UniqueFd open_part(int parent, const std::string& name) {
    return UniqueFd{::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

class Walk {
  public:
    explicit Walk(const std::vector<std::string>& layers) {
        for (const std::string& layer : layers) {
            MergedDirectory& root = above_.empty() ? above_.emplace_back() : above_.front();
            root.emplace_back(
                check(::open(layer.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", layer));
            if (is_opaque(root.back().get())) {
                break;
            }
        }
    }

    UniqueFd open(const std::string& path, int flags) {
        push_front(path);
        while (!ahead_.empty()) {
            const std::string name = ahead_.front();
            ahead_.pop_front();
            if (name.empty() || name == ".") {
                continue;
            }
            if (name == "..") {
                if (above_.size() > 1) {
                    above_.pop_back();
                }
                continue;
            }
            struct stat status {};
            const auto part = find(name, status);
            if (!part) {
                return fail(ENOENT);
            }
            if (S_ISLNK(status.st_mode)) {
                if (!follow(*part, name)) {
                    return fail(ELOOP);
                }
            } else if (!S_ISDIR(status.st_mode)) {
                return ahead_.empty() ? open_last(*part, name, flags) : fail(ENOTDIR);
            } else {
                enter(name);
            }
        }
        return UniqueFd{::openat(above_.back().front().get(), ".", flags | O_CLOEXEC)};
    }

  private:
    static UniqueFd fail(int code) {
        errno = code;
        return UniqueFd{};
    }

    void push_front(std::string_view path) {
        const auto names = split(path, '/');
        ahead_.insert(ahead_.begin(), names.begin(), names.end());
    }

    /// The uppermost part of the current directory that has the name; nothing where it is whited out.
    std::optional<int> find(const std::string& name, struct stat& status) const {
        for (const UniqueFd& part : above_.back()) {
            if (::fstatat(part.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
                return is_whiteout(status) ? std::nullopt : std::optional{part.get()};
            }
        }
        return std::nullopt;
    }

    bool follow(int part, const std::string& name) {
        constexpr unsigned most_links = 40; // as the kernel has it: path_resolution(7)
        char target[PATH_MAX];
        const ssize_t length = ::readlinkat(part, name.c_str(), target, sizeof target);
        if (length <= 0 || ++links_ > most_links) {
            return false;
        }
        const std::string_view text{target, static_cast<std::size_t>(length)};
        if (text.front() == '/') {
            above_.resize(1);
        }
        push_front(text);
        return true;
    }

    void enter(const std::string& name) {
        MergedDirectory inner;
        for (const UniqueFd& part : above_.back()) {
            UniqueFd directory = open_part(part.get(), name);
            if (directory.valid()) {
                const bool ends = is_opaque(directory.get());
                inner.push_back(std::move(directory));
                if (ends) {
                    break;
                }
            } else if (errno != ENOENT) {
                break; // a file, a link or a whiteout hides what lies below it
            }
        }
        above_.push_back(std::move(inner));
    }

    /// O_NONBLOCK: a FIFO in a file's place must not hold us up.
    static UniqueFd open_last(int part, const std::string& name, int flags) {
        const int quietly = (flags & O_PATH) != 0 ? flags : flags | O_NONBLOCK | O_NOCTTY;
        return UniqueFd{::openat(part, name.c_str(), quietly | O_NOFOLLOW | O_CLOEXEC)};
    }

    std::vector<MergedDirectory> above_; ///< from the root to the current directory
    std::deque<std::string> ahead_;
    unsigned links_ = 0;
};

} // namespace

UniqueFd open_in_layers(const std::vector<std::string>& layers, const std::string& path, int flags) {
    if (layers.size() != 1) {
        return Walk{layers}.open(path, flags);
    }
    // One layer, as most starts have it: one call.
    const UniqueFd root{
        check(::open(layers.front().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open", layers.front())};
    const int quietly = (flags & O_PATH) != 0 ? flags : flags | O_NONBLOCK | O_NOCTTY;
    return UniqueFd{sys::openat2(root.get(), path.c_str(), static_cast<std::uint64_t>(quietly), 0,
                                 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)};
}

} // namespace sandbox
