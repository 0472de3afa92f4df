// SPDX-License-Identifier: Apache-2.0
// Who holds a lock.
#include "image/lock_holders.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

std::string describe(std::string_view pid) {
    std::string command;
    try {
        command = read_file_if_exists(AT_FDCWD, "/proc/" + std::string{pid} + "/cmdline").value_or("");
    } catch (const Error&) {
        command.clear(); // it has just ended, or is not ours to look at
    }
    while (command.ends_with('\0')) {
        command.pop_back();
    }
    std::replace(command.begin(), command.end(), '\0', ' ');
    constexpr std::size_t longest = 80;
    return "process " + std::string{pid} +
           (command.empty() ? "" : " (" + printable(std::string_view{command}.substr(0, longest)) + ")");
}

} // namespace

std::string lock_holders(int dir_fd, const std::string& path) {
    struct stat status {};
    std::string list;
    if (::fstatat(dir_fd, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        // "1: FLOCK  ADVISORY  READ 1234 fe:00:5678 0 EOF". The device's number is not everywhere what
        // stat(2) says (btrfs), and the inode alone is enough for a message.
        const std::string inode = ":" + std::to_string(status.st_ino);
        const std::string locks = read_file(AT_FDCWD, "/proc/locks", std::size_t{4} << 20);
        for (const std::string_view line : split(locks, '\n')) {
            std::vector<std::string_view> words = split(line, ' ');
            std::erase(words, std::string_view{});
            if (words.size() >= 6 && words[1] == "FLOCK" && words[5].ends_with(inode) && words[4] != "0") {
                list += (list.empty() ? "" : ", ") + describe(words[4]);
            }
        }
    }
    return list.empty() ? "another process" : list;
}

} // namespace sandbox
