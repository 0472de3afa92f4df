// SPDX-License-Identifier: Apache-2.0
// The format is that of moby's profiles/seccomp and containers-common; where they differ both are read.
#include "aid/docker_profile.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/capability_names.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace sandbox::aid {

namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& what, const std::string& reason) {
    throw Error(printable(what), reason, "see https://docs.docker.com/engine/security/seccomp/");
}

void require(int result, const std::string& what) {
    if (result < 0) {
        refuse(what, "libseccomp does not take it: " + error_text(-result));
    }
}

std::string text_or(const Json& object, const char* key, const std::string& otherwise) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

std::vector<std::string> texts(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? std::vector<std::string>{}
                                                     : found->get<std::vector<std::string>>();
}

constexpr std::uint16_t default_errno = EPERM;

std::uint32_t action_of(const std::string& name, std::uint16_t code) {
    static const std::map<std::string, std::uint32_t> actions{
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS}};
    if (name == "SCMP_ACT_ERRNO") {
        return SCMP_ACT_ERRNO(code);
    }
    const auto found = actions.find(name);
    if (found == actions.end()) {
        refuse(name, "no action that a filter here can take"); // SCMP_ACT_NOTIFY and TRACE need a supervisor
    }
    return found->second;
}

/// Of a section that one filter holds for: its capabilities, architectures and kernel.
class Conditions {
  public:
    explicit Conditions(std::uint64_t capabilities) : capabilities_(capabilities) {
        utsname host{};
        (void)::uname(&host);
        const std::string machine = host.machine;
        architecture_ = machine == "x86_64" ? "amd64" : machine == "aarch64" ? "arm64" : machine;
        (void)std::sscanf(host.release, "%u.%u", &major_, &minor_);
    }

    [[nodiscard]] bool hold(const Json& section) const {
        const Json none = Json::object();
        const auto part = [&](const char* key) -> const Json& {
            const auto found = section.find(key);
            return found != section.end() && found->is_object() ? *found : none;
        };
        const Json& wanted = part("includes");
        const Json& unwanted = part("excludes");
        const std::vector<std::string> architectures = texts(wanted, "arches");
        const std::vector<std::string> needed = texts(wanted, "caps");
        return (architectures.empty() || has_architecture(architectures)) &&
               !has_architecture(texts(unwanted, "arches")) &&
               std::all_of(needed.begin(), needed.end(), [this](const auto& name) { return has(name); }) &&
               !has_any(texts(unwanted, "caps")) && kernel_is_from(text_or(wanted, "minKernel", "0.0")) &&
               !(unwanted.contains("minKernel") && kernel_is_from(text_or(unwanted, "minKernel", "0.0")));
    }

  private:
    [[nodiscard]] bool has_architecture(const std::vector<std::string>& names) const {
        return std::find(names.begin(), names.end(), architecture_) != names.end();
    }
    [[nodiscard]] bool has_any(const std::vector<std::string>& names) const {
        return std::any_of(names.begin(), names.end(), [this](const auto& name) { return has(name); });
    }
    [[nodiscard]] bool has(std::string name) const {
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        for (unsigned number = 0; number < std::size(capability_names); ++number) {
            if (name == "cap_" + std::string{capability_names[number]}) {
                return (capabilities_ >> number & 1U) != 0;
            }
        }
        return false;
    }
    [[nodiscard]] bool kernel_is_from(const std::string& version) const {
        unsigned major = 0;
        unsigned minor = 0;
        if (std::sscanf(version.c_str(), "%u.%u", &major, &minor) != 2) {
            refuse(version, "not a kernel's version");
        }
        return major_ > major || (major_ == major && minor_ >= minor);
    }

    std::uint64_t capabilities_;
    std::string architecture_;
    unsigned major_ = 0;
    unsigned minor_ = 0;
};

scmp_arg_cmp read_test(const Json& argument) {
    static const std::map<std::string, scmp_compare> operators{{"SCMP_CMP_NE", SCMP_CMP_NE},
                                                               {"SCMP_CMP_LT", SCMP_CMP_LT},
                                                               {"SCMP_CMP_LE", SCMP_CMP_LE},
                                                               {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                                                               {"SCMP_CMP_GE", SCMP_CMP_GE},
                                                               {"SCMP_CMP_GT", SCMP_CMP_GT},
                                                               {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
    const std::string name = text_or(argument, "op", "");
    const auto found = operators.find(name);
    const unsigned index = argument.value("index", 6U);
    if (found == operators.end() || index > 5) {
        refuse(argument.dump(), "not a comparison of an argument");
    }
    return {index, found->second, argument.value("value", std::uint64_t{0}),
            argument.value("valueTwo", std::uint64_t{0})};
}

/// The libseccomp side.
class Filter {
  public:
    explicit Filter(std::uint32_t otherwise) : context_(::seccomp_init(otherwise)), otherwise_(otherwise) {
        if (context_ == nullptr) {
            refuse("defaultAction", "libseccomp does not take it");
        }
        require(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_NNP, 0), "no_new_privs");
        // A binary tree: a long list costs each start more.
        (void)::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    }

    void add_architecture(const std::string& name) {
        std::string plain = name.starts_with("SCMP_ARCH_") ? name.substr(10) : name;
        std::transform(plain.begin(), plain.end(), plain.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        const std::uint32_t token = ::seccomp_arch_resolve_name(plain.c_str());
        if (token == 0) {
            refuse(name, "no architecture that libseccomp knows");
        }
        const int result = ::seccomp_arch_add(context_.get(), token);
        require(result == -EEXIST ? 0 : result, name);
    }

    void add_rule(const std::string& name, std::uint32_t action, const std::vector<scmp_arg_cmp>& tests) {
        const int number = ::seccomp_syscall_resolve_name(name.c_str());
        if (number == __NR_SCMP_ERROR) {
            return;
        }
        highest_ = std::max(highest_, number);
        if (action == otherwise_) {
            return;
        }
        const auto add = [&](const scmp_arg_cmp* first, std::size_t count) {
            const int result =
                ::seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(count), first);
            require(result == -EEXIST ? 0 : result, name);
        };
        std::set<unsigned> indices;
        for (const scmp_arg_cmp& test : tests) {
            indices.insert(test.arg);
        }
        if (indices.size() == tests.size()) {
            add(tests.data(), tests.size());
            return;
        }
        // Several tests of one argument are alternatives there. opencontainers/runc, matchCall()
        for (const scmp_arg_cmp& test : tests) {
            add(&test, 1);
        }
    }

    [[nodiscard]] std::string program() const {
        const UniqueFd file{check(::memfd_create("filter", MFD_CLOEXEC), "make", "a memory file")};
        require(::seccomp_export_bpf(context_.get(), file.get()), "profile");
        check(::lseek(file.get(), 0, SEEK_SET), "read", "a memory file");
        return newer_calls_are_missing() + read_all(file.get(), "filter");
    }

  private:
    /// Three instructions in front; jumps are relative.
    [[nodiscard]] std::string newer_calls_are_missing() const {
        if (otherwise_ != SCMP_ACT_ERRNO(EPERM) || highest_ <= 0) {
            return {};
        }
        const auto number = static_cast<std::uint32_t>(offsetof(seccomp_data, nr));
        const auto architecture = static_cast<std::uint32_t>(offsetof(seccomp_data, arch));
        const sock_filter code[] = {
            {BPF_LD | BPF_W | BPF_ABS, 0, 0, architecture},
            {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, ::seccomp_arch_native()},
            {BPF_LD | BPF_W | BPF_ABS, 0, 0, number},
            {BPF_JMP | BPF_JGT | BPF_K, 0, 1, static_cast<std::uint32_t>(highest_)},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
        };
        return {reinterpret_cast<const char*>(code), sizeof code};
    }

    struct Release {
        void operator()(void* context) const { ::seccomp_release(context); }
    };
    std::unique_ptr<void, Release> context_;
    std::uint32_t otherwise_;
    int highest_ = 0;
};

std::uint16_t error_code(const Json& object, const char* key) {
    return object.value(key, default_errno);
}

void add_architectures(const Json& profile, Filter& filter) {
    for (const std::string& name : texts(profile, "architectures")) {
        filter.add_architecture(name);
    }
    const auto map = profile.find("archMap");
    if (map == profile.end() || !map->is_array()) {
        return;
    }
    const std::uint32_t native = ::seccomp_arch_native();
    for (const Json& entry : *map) {
        const std::string name = text_or(entry, "architecture", "");
        const bool is_native = (name == "SCMP_ARCH_X86_64" && native == SCMP_ARCH_X86_64) ||
                               (name == "SCMP_ARCH_AARCH64" && native == SCMP_ARCH_AARCH64);
        for (const std::string& sub :
             is_native ? texts(entry, "subArchitectures") : std::vector<std::string>{}) {
            filter.add_architecture(sub);
        }
    }
}

void add_section(const Json& section, Filter& filter) {
    const std::uint32_t action = action_of(text_or(section, "action", ""), error_code(section, "errnoRet"));
    std::vector<scmp_arg_cmp> tests;
    const auto arguments = section.find("args");
    if (arguments != section.end() && arguments->is_array()) {
        std::transform(arguments->begin(), arguments->end(), std::back_inserter(tests), read_test);
    }
    std::vector<std::string> names = texts(section, "names");
    if (section.contains("name")) {
        names.push_back(text_or(section, "name", ""));
    }
    for (const std::string& name : names) {
        filter.add_rule(name, action, tests);
    }
}

} // namespace

std::string compile_docker_profile(const std::string& json, std::uint64_t capabilities) {
    try {
        const Json profile = Json::parse(json);
        if (!profile.is_object() || !profile.contains("defaultAction")) {
            refuse("profile", "it has no defaultAction");
        }
        Filter filter{
            action_of(text_or(profile, "defaultAction", ""), error_code(profile, "defaultErrnoRet"))};
        add_architectures(profile, filter);
        const Conditions conditions{capabilities};
        const auto sections = profile.find("syscalls");
        if (sections != profile.end() && !sections->is_null()) {
            for (const Json& section : *sections) {
                if (conditions.hold(section)) {
                    add_section(section, filter);
                }
            }
        }
        return filter.program();
    } catch (const Json::exception& error) {
        throw Error("profile", printable(error.what()), "it must be a seccomp profile in JSON, as docker's");
    }
}

} // namespace sandbox::aid
