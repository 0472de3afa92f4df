// SPDX-License-Identifier: Apache-2.0
// What every root gets: /proc, /sys, /dev and the files of /etc that say where it is.
#pragma once

#include <string>
#include <vector>

#include "idmap/mapping.hpp"
#include "plan/plan.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// Texts that steps point to are put here; addresses stay.
class TextKeeper {
  public:
    virtual ~TextKeeper() = default;
    virtual const char* keep(std::string text) = 0;
};

/// Mount flags and texts that depend on the ids there are.
struct IdFacts {
    bool root_mapped = true;      ///< id 0 exists inside
    bool tty_group_mapped = true; ///< group 5 does
    bool caller_is_root = false;  ///< id 0 of the host is mapped: it owns what the kernel shows in /proc/sys
};
IdFacts id_facts(const Mapping& mapping);

/// A file of the sandbox's own in the place of another. Where there is no such place it is left out.
struct PlacedFile {
    std::string path; ///< absolute, inside
    std::string content;
};

/// The contents of /etc/hosts, /etc/hostname and /etc/resolv.conf, and what else is put over the root's
/// files.
struct EtcFiles {
    std::string hosts;
    std::string hostname; ///< empty: the image's own stays
    std::string resolv_conf;
    std::vector<PlacedFile> others = {};
};

/// /proc, /sys, /dev and the files of /etc. They come before the user's mounts.
void add_standard_mounts(const SandboxSpec& sandbox, const IdFacts& ids, const EtcFiles& etc,
                         TextKeeper& texts, std::vector<Step>& steps);

/// What the kernel shows and nobody inside needs. They come after the user's mounts.
void add_masks(const SandboxSpec& sandbox, const IdFacts& ids, std::vector<Step>& steps);

/// What the files of /etc hold. @param host_text the host's own resolv.conf, for its search domains and
/// options
std::string resolv_conf_text(const SandboxSpec& sandbox, const std::string& host_text);
std::string hosts_text(const SandboxSpec& sandbox, const std::string& host_text);

} // namespace sandbox
