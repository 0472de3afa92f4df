// SPDX-License-Identifier: Apache-2.0
// The values of options.
#include "spec/parse.hpp"

#include <algorithm>
#include <cctype>
#include <span>

#include "base/error.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

[[noreturn]] void refuse(std::string_view option, std::string_view value, std::string_view reason,
                         std::string_view hint) {
    throw UsageError(std::string{option} + " " + printable(value), reason, hint);
}

/// One word of a table, or an error that lists the table.
template <typename Value>
Value pick(std::string_view option, std::string_view text,
           std::span<const std::pair<const char*, Value>> choices) {
    std::string names;
    for (const auto& [name, value] : choices) {
        if (text == name) {
            return value;
        }
        names += (names.empty() ? "" : ", ");
        names += name;
    }
    refuse(option, text, "no such choice", "it takes one of: " + names);
}

/// Without empty and "." components: "/a/./b//" is "/a/b".
std::string plain_path(std::string_view path) {
    std::string result;
    for (const std::string_view part : split(path, '/')) {
        if (!part.empty() && part != ".") {
            result += "/" + std::string{part};
        }
    }
    return result.empty() ? "/" : result;
}

std::string absolute_source(std::string_view option, std::string_view whole, std::string_view text,
                            const std::string& directory) {
    if (text.empty()) {
        refuse(option, whole, "the source is empty", "name a file or directory of the host");
    }
    if (!text.starts_with('/') && directory.empty()) {
        refuse(option, whole, "a relative source, and the working directory has no name",
               "give an absolute path");
    }
    return plain_path(text.starts_with('/') ? std::string{text} : directory + "/" + std::string{text});
}

/// The place inside, absolute, without what says nothing.
std::string target_path(std::string_view option, std::string_view whole, std::string_view target) {
    if (!target.starts_with('/')) {
        refuse(option, whole, "the place inside must be an absolute path", {});
    }
    std::string path = plain_path(target);
    const auto parts = split(path, '/');
    if (std::find(parts.begin(), parts.end(), "..") != parts.end()) {
        refuse(option, whole, "the place inside must not have .. in it", {});
    }
    if (path == "/") {
        refuse(option, whole, "the root itself cannot be replaced by a mount",
               "name the directory as the image instead");
    }
    return path;
}

bool is_ignored_volume_option(std::string_view word) {
    return word == "z" || word == "Z" || word == "U" || word == "rbind" || word == "rw" || word == "nosuid" ||
           word == "nodev";
}

void apply_tmpfs_option(TmpfsMount& mount, std::string_view option, std::string_view whole,
                        std::string_view key, std::string_view value) {
    if (key == "size" || key == "tmpfs-size") {
        const auto size = parse_size(value);
        if (!size || *size == 0) {
            refuse(option, whole, "size is not a number of bytes", "for example size=64m");
        }
        mount.size = *size;
    } else if (key == "mode" || key == "tmpfs-mode") {
        const auto mode = parse_mode(value);
        if (!mode) {
            refuse(option, whole, "mode is not octal", "for example mode=1777");
        }
        mount.mode = *mode;
    } else {
        refuse(option, whole, "unknown setting " + printable(key), "it takes size= and mode=");
    }
}

std::pair<std::string_view, std::string_view> key_value(std::string_view text) {
    const auto equals = text.find('=');
    return {text.substr(0, equals), equals == std::string_view::npos ? "" : text.substr(equals + 1)};
}

} // namespace

BindMount parse_volume(std::string_view text, const std::string& directory) {
    const auto fields = split(text, ':');
    if (fields.size() < 2 || fields.size() > 3 || fields[0].empty()) {
        refuse("--volume", text, "not of the form SRC:DST[:ro]", "for example --volume \"$PWD\":/src:ro");
    }
    BindMount mount{absolute_source("--volume", text, fields[0], directory),
                    target_path("--volume", text, fields[1]), false, "--volume " + printable(text)};
    if (fields.size() == 3) {
        for (const std::string_view word : split(fields[2], ',')) {
            if (word == "ro") {
                mount.read_only = true;
            } else if (!is_ignored_volume_option(word)) {
                refuse("--volume", text, "unknown setting " + printable(word), "it takes ro or rw");
            }
        }
    }
    return mount;
}

MountOperation parse_mount(std::string_view text, const std::string& directory) {
    std::string type;
    BindMount bind{"", "", false, "--mount " + printable(text)};
    TmpfsMount tmpfs;
    std::vector<std::pair<std::string_view, std::string_view>> tmpfs_settings;
    for (const std::string_view field : split(text, ',')) {
        const auto [key, value] = key_value(field);
        if (key == "type") {
            type = value;
        } else if (key == "source" || key == "src") {
            bind.source = absolute_source("--mount", text, value, directory);
        } else if (key == "target" || key == "destination" || key == "dst") {
            bind.target = tmpfs.target = value;
        } else if (key == "ro" || key == "readonly") {
            if (!value.empty() && value != "true" && value != "1" && value != "false" && value != "0") {
                refuse("--mount", text, printable(key) + " is true or false", {});
            }
            bind.read_only = value != "false" && value != "0";
        } else {
            tmpfs_settings.emplace_back(key, value);
        }
    }
    bind.target = tmpfs.target = target_path("--mount", text, bind.target);
    if (type == "tmpfs") {
        if (!bind.source.empty() || bind.read_only) {
            refuse("--mount", text, "a tmpfs has no source, and can be written",
                   "it takes dst=, tmpfs-size= and tmpfs-mode=");
        }
        for (const auto& [key, value] : tmpfs_settings) {
            apply_tmpfs_option(tmpfs, "--mount", text, key, value);
        }
        return tmpfs;
    }
    if (type != "bind") {
        refuse("--mount", text, "type must be bind or tmpfs",
               "for example --mount type=bind,src=/a,dst=/b,ro");
    }
    if (!tmpfs_settings.empty()) {
        refuse("--mount", text, "unknown setting " + printable(tmpfs_settings.front().first),
               "a bind takes src=, dst= and ro");
    }
    if (bind.source.empty()) {
        refuse("--mount", text, "a bind needs src=", {});
    }
    return bind;
}

TmpfsMount parse_tmpfs(std::string_view text) {
    const auto colon = text.find(':');
    TmpfsMount mount;
    mount.target = target_path("--tmpfs", text, text.substr(0, colon));
    if (colon != std::string_view::npos) {
        for (const std::string_view field : split(text.substr(colon + 1), ',')) {
            const auto [key, value] = key_value(field);
            apply_tmpfs_option(mount, "--tmpfs", text, key, value);
        }
    }
    return mount;
}

EnvironmentChange parse_environment(std::string_view text, std::string_view option) {
    const auto equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (name.empty()) {
        refuse(option, text, "not of the form NAME=VALUE or NAME", {});
    }
    if (equals == std::string_view::npos) {
        return {std::string{name}, std::nullopt};
    }
    return {std::string{name}, std::string{text.substr(equals + 1)}};
}

std::vector<EnvironmentChange> parse_environment_file(std::string_view content, const std::string& path) {
    std::vector<EnvironmentChange> changes;
    unsigned number = 0;
    for (std::string_view line : split(content, '\n')) {
        ++number;
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        const std::string_view trimmed = trim(line);
        if (trimmed.empty() || trimmed.front() == '#') {
            continue;
        }
        if (line.find('\0') != std::string_view::npos || trimmed.front() == '=') {
            throw UsageError(path + ":" + std::to_string(number), "not a line NAME=VALUE or NAME");
        }
        // A value keeps its blanks; a name alone does not.
        const std::string_view entry = line.substr(static_cast<std::size_t>(trimmed.data() - line.data()));
        if (trimmed.substr(0, trimmed.find('=')).find_first_of(" \t") != std::string_view::npos) {
            throw UsageError(path + ":" + std::to_string(number), "a name has no blanks in it",
                             "each line is NAME=VALUE or NAME, without quotes or export");
        }
        changes.push_back(parse_environment(entry.find('=') == entry.npos ? trimmed : entry, "--env-file"));
    }
    return changes;
}

Namespace parse_namespace(std::string_view text) {
    return pick<Namespace>("--share", text, namespace_names);
}

Network parse_network(std::string_view text) {
    static constexpr std::pair<const char*, Network> choices[] = {
        {"slirp", Network::slirp}, {"none", Network::none}, {"host", Network::host}};
    return pick<Network>("--network", text, choices);
}

NetEngine parse_net_engine(std::string_view text) {
    static constexpr std::pair<const char*, NetEngine> choices[] = {
        {"auto", NetEngine::automatic}, {"slirp", NetEngine::slirp}, {"splice", NetEngine::splice}};
    return pick<NetEngine>("--net-engine", text, choices);
}

IpAddress parse_nameserver(std::string_view text) {
    const auto address = parse_ip_address(text);
    if (!address || address->is_unspecified()) {
        refuse("--dns", text, "not an IP address", "the address of a name server, for example 9.9.9.9");
    }
    return *address;
}

std::string parse_search_domain(std::string_view text) {
    const auto name = text == "." ? std::string{"."} : canonical_name(text);
    if (!name) {
        refuse("--dns-search", text, "not a domain name", "for example example.org; \".\" means none");
    }
    return *name;
}

HostEntry parse_host_entry(std::string_view text) {
    const std::size_t colon = text.find(':');
    const auto name = canonical_name(text.substr(0, colon));
    std::string_view address = colon == text.npos ? "" : text.substr(colon + 1);
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    }
    const bool has_brackets = colon != text.npos && text.substr(colon + 1) != address;
    const auto parsed = parse_ip_address(address == "host-gateway" && !has_brackets ? "10.0.2.2" : address);
    if (!name || !parsed || (has_brackets && !parsed->is_ipv6())) {
        refuse("--add-host", text, "not NAME:IP",
               "for example db:192.0.2.7; host-gateway in place of the IP is 10.0.2.2");
    }
    return {*name, *parsed};
}

unsigned parse_mtu(std::string_view text) {
    const auto mtu = parse_number(text, most_mtu);
    if (!mtu || *mtu < least_mtu) {
        refuse("--mtu", text, "not a number of bytes from 1280 to 65520", {});
    }
    return static_cast<unsigned>(*mtu);
}

UserNamespace parse_user_namespace(std::string_view text) {
    static constexpr std::pair<const char*, UserNamespace> choices[] = {{"auto", UserNamespace::automatic},
                                                                        {"keep-id", UserNamespace::keep_id},
                                                                        {"single", UserNamespace::single}};
    return pick<UserNamespace>("--userns", text, choices);
}

Storage parse_storage(std::string_view text) {
    static constexpr std::pair<const char*, Storage> choices[] = {
        {"overlay", Storage::overlay}, {"fuse", Storage::fuse}, {"copy", Storage::copy}};
    return pick<Storage>("--storage", text, choices);
}

UpperPlace parse_upper(std::string_view text) {
    static constexpr std::pair<const char*, UpperPlace> choices[] = {{"disk", UpperPlace::disk},
                                                                     {"tmpfs", UpperPlace::tmpfs}};
    return pick<UpperPlace>("--upper", text, choices);
}

HomeView parse_home(std::string_view text) {
    static constexpr std::pair<const char*, HomeView> choices[] = {
        {"hide", HomeView::hide}, {"ro", HomeView::read_only}, {"rw", HomeView::read_write}};
    return pick<HomeView>("--home", text, choices);
}

std::string parse_hostname(std::string_view text) {
    const auto fits = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.';
    };
    const auto is_label = [](std::string_view label) {
        return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-';
    };
    const auto labels = split(text, '.');
    if (text.size() > 64 || !std::all_of(labels.begin(), labels.end(), is_label) ||
        !std::all_of(text.begin(), text.end(), fits)) {
        refuse("--hostname", text, "not a host name",
               "letters, digits, '-' and '.', at most 64 bytes, and 63 between dots");
    }
    return std::string{text};
}

} // namespace sandbox
