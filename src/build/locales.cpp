// SPDX-License-Identifier: Apache-2.0
// Names of locales on the disk.
#include "build/locales.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "base/unique_fd.hpp"
#include "build/directory.hpp"

namespace sandbox {

namespace {

/// Widely installed, and sorting letters before case. Asked of an archive, whose names are not listed
/// anywhere that can be read without its whole format.
constexpr const char* usual_locales[] = {"en_US.utf8", "en_GB.utf8", "de_DE.utf8", "fr_FR.utf8",
                                         "es_ES.utf8", "pt_BR.utf8", "ru_RU.utf8", "ja_JP.utf8"};

bool is_plain(const std::string& name) {
    return name == "POSIX" || name == "C" || name.starts_with("C.");
}

std::string find_in_archive(const std::string& directory) {
    const UniqueFd archive{::open((directory + "/locale-archive").c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat status {};
    if (!archive.valid() || ::fstat(archive.get(), &status) < 0 || status.st_size == 0) {
        return "";
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    void* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, archive.get(), 0);
    if (bytes == MAP_FAILED) {
        return "";
    }
    std::string found;
    for (const char* name : usual_locales) {
        if (found.empty() && ::memmem(bytes, size, name, std::strlen(name) + 1) != nullptr) {
            found = name;
        }
    }
    (void)::munmap(bytes, size);
    return found;
}

std::string find_directory(const std::string& directory) {
    const UniqueFd open{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!open.valid()) {
        return "";
    }
    for (const std::string& name : names_in(open.get(), directory)) {
        struct stat status {};
        const std::string collation = name + "/LC_COLLATE";
        if (!is_plain(name) && ::fstatat(open.get(), collation.c_str(), &status, 0) == 0) {
            return name;
        }
    }
    return "";
}

} // namespace

std::string choose_other_locale(const std::vector<std::string>& directories) {
    for (const std::string& directory : directories) {
        for (const auto& find : {find_directory, find_in_archive}) {
            std::string name = find(directory);
            if (!name.empty()) {
                return name;
            }
        }
    }
    return "";
}

} // namespace sandbox
