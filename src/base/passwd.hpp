// SPDX-License-Identifier: Apache-2.0
// passwd(5): its lines, and the caller's own. Read without getpwuid(3), whose name services are libraries
// that a statically linked program would have to load.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

struct PasswdEntry {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::string home;
    std::string shell;
};

/// A user or group id: a decimal number below (uid_t) -1, which means "no change" to the kernel and is
/// nobody's.
std::optional<std::uint32_t> parse_id(std::string_view text);

/// Lines that are not of the form are passed over. Pure.
std::vector<PasswdEntry> parse_passwd(std::string_view text);

/// A user of this host: from /etc/passwd, else as getent(1) knows it (LDAP, systemd-homed and the like).
std::optional<PasswdEntry> find_host_user(uid_t uid);

} // namespace sandbox
