// SPDX-License-Identifier: Apache-2.0
// Self-confinement of the helper programs: root directory, Landlock, memory.
#include "linux/confine.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

/// The rights of each Landlock ABI, cumulative: landlock(7), "Filesystem flags". Headers may be older than
/// the kernel, so the later ones are written as numbers.
std::uint64_t handled_rights(long abi) {
    std::uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (abi >= 2) {
        rights |= 1ULL << 13; // LANDLOCK_ACCESS_FS_REFER
    }
    if (abi >= 3) {
        rights |= 1ULL << 14; // LANDLOCK_ACCESS_FS_TRUNCATE
    }
    if (abi >= 5) {
        rights |= 1ULL << 15; // LANDLOCK_ACCESS_FS_IOCTL_DEV
    }
    return rights;
}

void allow_beneath(int rules, int directory, std::uint64_t rights) {
    landlock_path_beneath_attr beneath{};
    beneath.parent_fd = directory;
    beneath.allowed_access = rights;
    check(::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0),
          "add a Landlock rule");
}

} // namespace

void enter_root(const std::string& directory) {
    check(::unshare(CLONE_NEWNS), "make a mount namespace for", directory);
    check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private for", directory);
    check(::mount(directory.c_str(), directory.c_str(), nullptr, MS_BIND, nullptr), "bind", directory);
    check(::chdir(directory.c_str()), "enter", directory);
    // The old root is stacked under the new one at the same place, then taken away. pivot_root(2), NOTES.
    check(sys::pivot_root(".", "."), "pivot into", directory);
    check(::umount2(".", MNT_DETACH), "detach the old root from", directory);
    check(::chdir("/"), "enter", directory);
}

bool landlock_restrict(bool writable_root, std::span<const int> readable) {
    const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        return false;
    }
    landlock_ruleset_attr attributes{};
    attributes.handled_access_fs = handled_rights(abi);
    const UniqueFd rules{static_cast<int>(check(
        ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0), "make Landlock rules"))};
    if (writable_root) {
        const UniqueFd root{check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/")};
        allow_beneath(rules.get(), root.get(),
                      attributes.handled_access_fs & ~std::uint64_t{LANDLOCK_ACCESS_FS_EXECUTE});
    }
    for (const int directory : readable) {
        allow_beneath(rules.get(), directory, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
    }
    check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
    check(::syscall(SYS_landlock_restrict_self, rules.get(), 0), "apply Landlock rules");
    return true;
}

bool landlock_scope_abstract_sockets() {
    constexpr long first_abi_with_scopes = 6;
    if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) <
        first_abi_with_scopes) {
        return false;
    }
    // The header may be older than the kernel.
    struct {
        std::uint64_t handled_access_fs = 0;
        std::uint64_t handled_access_net = 0;
        std::uint64_t scoped = 1; // LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
    } attributes;
    const UniqueFd rules{static_cast<int>(check(
        ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0), "make Landlock rules"))};
    check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
    check(::syscall(SYS_landlock_restrict_self, rules.get(), 0), "apply Landlock rules");
    return true;
}

void limit_memory(unsigned long long bytes) {
    const rlimit memory{bytes, bytes};
    check(::setrlimit(RLIMIT_AS, &memory), "limit the address space");
    const rlimit core{0, 0};
    check(::setrlimit(RLIMIT_CORE, &core), "forbid core dumps");
}

} // namespace sandbox
