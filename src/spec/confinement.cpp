// SPDX-License-Identifier: Apache-2.0
// Names of capabilities and resource limits, and their values.
#include "spec/confinement.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cctype>

#include "base/capability_names.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

[[noreturn]] void refuse(std::string_view option, std::string_view value, std::string_view reason,
                         std::string_view hint) {
    throw UsageError(std::string{option} + " " + printable(value), reason, hint);
}

struct LimitName {
    std::string_view name;
    int resource;
};
/// As in limits.conf(5), podman and the shell's ulimit.
constexpr LimitName limit_names[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK}};

std::string lower_case(std::string_view text) {
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

std::string limit_name_list() {
    std::string list;
    for (const auto& [name, resource] : limit_names) {
        list += (list.empty() ? "" : ", ") + std::string{name};
    }
    return list;
}

std::uint64_t limit_value(std::string_view text, std::string_view whole) {
    if (text == "unlimited" || text == "-1") {
        return RLIM_INFINITY;
    }
    const auto number = parse_number(text, RLIM_INFINITY - 1);
    if (!number) {
        refuse("--ulimit", whole, "not of the form NAME=SOFT[:HARD]",
               "for example --ulimit nofile=1024:4096; unlimited is a value too");
    }
    return *number;
}

} // namespace

std::uint64_t parse_capability(const char* option, std::string_view text) {
    std::string name = lower_case(text);
    if (name == "all") {
        return ~std::uint64_t{0};
    }
    if (name.starts_with("cap_")) {
        name.erase(0, 4);
    }
    const auto* const found = std::find(std::begin(capability_names), std::end(capability_names), name);
    if (found == std::end(capability_names)) {
        refuse(option, text, "no such capability", "a name of capabilities(7), such as NET_RAW, or all");
    }
    return std::uint64_t{1} << static_cast<unsigned>(found - std::begin(capability_names));
}

SystemCallFilter parse_seccomp(std::string_view text, const std::string& directory) {
    if (text == "default") {
        return {};
    }
    if (text == "log") {
        return {FilterKind::report, {}};
    }
    if (text == "unconfined") {
        return {FilterKind::none, {}};
    }
    if (text.empty() || (!text.starts_with('/') && directory.empty())) {
        refuse("--seccomp", text, "names no profile",
               "default, unconfined, log, or the path of a JSON profile");
    }
    return {FilterKind::profile,
            text.starts_with('/') ? std::string{text} : directory + "/" + std::string{text}};
}

ResourceLimit parse_ulimit(std::string_view text) {
    const auto equals = text.find('=');
    const std::string name = lower_case(text.substr(0, equals));
    const auto* const found = std::find_if(std::begin(limit_names), std::end(limit_names),
                                           [&](const LimitName& limit) { return limit.name == name; });
    if (found == std::end(limit_names)) {
        refuse("--ulimit", text, "no such limit", "it takes one of: " + limit_name_list());
    }
    const auto values = split(equals == std::string_view::npos ? "" : text.substr(equals + 1), ':');
    if (values.size() > 2) {
        refuse("--ulimit", text, "not of the form NAME=SOFT[:HARD]", "for example --ulimit nofile=1024:4096");
    }
    ResourceLimit limit{found->resource, limit_value(values.front(), text), limit_value(values.back(), text),
                        "--ulimit " + printable(text)};
    if (limit.soft > limit.hard) {
        refuse("--ulimit", text, "the soft limit is above the hard one", "NAME=SOFT:HARD");
    }
    return limit;
}

DeviceMount parse_device(std::string_view text) {
    const auto fields = split(text, ':');
    DeviceMount device{std::string{fields.front()}, std::string{fields.back()},
                       "--device " + printable(text)};
    if (fields.size() > 2) {
        refuse("--device", text, "not of the form PATH[:PATH-INSIDE]",
               "what may be done with a device, its mode on the host decides");
    }
    for (const std::string* path : {&device.source, &device.target}) {
        const auto parts = split(*path, '/');
        if (!path->starts_with('/') || path->ends_with('/') ||
            std::find(parts.begin(), parts.end(), "..") != parts.end()) {
            refuse("--device", text, "not an absolute path", "for example --device /dev/kvm");
        }
    }
    return device;
}

std::uint64_t parse_cpus(std::string_view text) {
    constexpr std::uint64_t period = 100'000;
    const auto dot = text.find('.');
    const auto whole = parse_number(text.substr(0, dot), 1'000'000);
    std::string fraction{dot == std::string_view::npos ? "0" : text.substr(dot + 1)};
    fraction.resize(5, '0');
    const auto part = parse_number(fraction, period);
    const std::uint64_t quota = whole && part ? *whole * period + *part : 0;
    // The kernel takes no quota below a millisecond. cgroup-v2, cpu.max.
    if (quota < 1000) {
        refuse("--cpus", text, "not a number of processors", "for example 2 or 0.5, at least 0.01");
    }
    return quota;
}

DeviceRate parse_device_rate(const char* option, std::string_view text) {
    const auto colon = text.rfind(':');
    const std::string_view path = text.substr(0, colon);
    const auto rate = parse_size(colon == std::string_view::npos ? "" : text.substr(colon + 1));
    if (!path.starts_with('/') || !rate || *rate == 0) {
        refuse(option, text, "not of the form PATH:RATE", "for example /dev/sda:10m, ten mebibytes a second");
    }
    const bool write = std::string_view{option} == "--device-write-bps";
    return {std::string{path}, *rate, write, std::string{option} + " " + printable(text)};
}

std::uint64_t parse_memory(std::string_view text) {
    constexpr std::uint64_t least = 1 << 20;
    const auto size = parse_size(text);
    if (!size || *size < least) {
        refuse("--memory", text, "not a size of at least 1m", "for example 512m or 2g");
    }
    return *size;
}

std::uint64_t parse_pids_limit(std::string_view text) {
    constexpr std::uint64_t most = 4 << 20; // PID_MAX_LIMIT of the kernel
    const auto count = parse_number(text, most);
    if (!count || *count == 0) {
        refuse("--pids-limit", text, "not a number of processes",
               "at least 1; the sandbox's own pid 1 counts");
    }
    return *count;
}

} // namespace sandbox
