// SPDX-License-Identifier: Apache-2.0
// Other contents for a few files of the kernel's.
#include "build/world_files.hpp"

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/utsname.h>

#include "base/files.hpp"

namespace sandbox {

namespace {

void add_processor_files(std::vector<WorldFile>& files) {
    for (const char* name : {"online", "possible", "present"}) {
        files.push_back({std::string{"/sys/devices/system/cpu/"} + name, "0\n"});
    }
    const std::string all = read_file_if_exists(AT_FDCWD, "/proc/cpuinfo", 16 << 20).value_or("");
    const auto end = all.find("\n\n");
    if (end != std::string::npos) {
        files.push_back({"/proc/cpuinfo", all.substr(0, end + 2)});
    }
}

void add_release_files(std::vector<WorldFile>& files) {
    const std::string now = kernel_release();
    const std::string other = other_kernel_release();
    files.push_back({"/proc/sys/kernel/osrelease", other + "\n"});
    std::string version = read_file_if_exists(AT_FDCWD, "/proc/version").value_or("");
    const auto at = version.find(now);
    if (at != std::string::npos) {
        files.push_back({"/proc/version", version.replace(at, now.size(), other)});
    }
}

} // namespace

std::vector<WorldFile> files_of(const World& world) {
    std::vector<WorldFile> files;
    if (world.one_processor) {
        add_processor_files(files);
    }
    if (world.other_release) {
        add_release_files(files);
    }
    return files;
}

std::string kernel_release() {
    utsname names{};
    return ::uname(&names) == 0 ? names.release : "";
}

std::string other_kernel_release() {
    constexpr unsigned long ask = 0xffffffff;
    const int before = ::personality(ask);
    (void)::personality(static_cast<unsigned long>(before) | UNAME26);
    std::string release = kernel_release();
    (void)::personality(static_cast<unsigned long>(before));
    return release;
}

} // namespace sandbox
