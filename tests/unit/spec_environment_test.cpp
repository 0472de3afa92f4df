// SPDX-License-Identifier: Apache-2.0
// The environment inside: what comes from where, and who has the last word.
#include "spec/environment.hpp"

#include <gtest/gtest.h>

namespace sandbox {
namespace {

Environment environment(std::initializer_list<const char*> entries) {
    std::vector<const char*> envp{entries};
    envp.push_back(nullptr);
    return environment_of_caller(envp.data());
}

std::string value(const Environment& environment, const char* name) {
    const std::string* found = environment.find(name);
    return found != nullptr ? *found : "(unset)";
}

EnvironmentSources image_sources() {
    EnvironmentSources sources;
    sources.user = "root";
    sources.home = "/root";
    return sources;
}

EnvironmentSources host_sources() {
    EnvironmentSources sources;
    sources.inherits_caller = true;
    sources.user = "me";
    sources.home = "/home/me";
    return sources;
}

TEST(CallerEnvironment, EntriesWithoutNameOrValueAreLeftOut) {
    EXPECT_EQ(environment({"A=1", "broken", "=x", "B=", "C=a=b"}).strings(),
              (std::vector<std::string>{"A=1", "B=", "C=a=b"}));
    EXPECT_TRUE(environment_of_caller(nullptr).strings().empty());
}

TEST(BuildEnvironment, AnImageGetsTheDefaultsAndNothingOfTheCaller) {
    const auto result =
        build_environment({}, image_sources(), environment({"SECRET=1", "HOME=/home/me", "PATH=/mine"}));
    EXPECT_EQ(value(result, "SECRET"), "(unset)");
    EXPECT_EQ(value(result, "HOME"), "/root");
    EXPECT_EQ(value(result, "USER"), "root");
    EXPECT_EQ(value(result, "LANG"), "C.UTF-8");
    EXPECT_EQ(value(result, "TERM"), "xterm");
    EXPECT_EQ(value(result, "PATH"), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

TEST(BuildEnvironment, TheTerminalsTypeIsTheCallers) {
    EXPECT_EQ(value(build_environment({}, image_sources(), environment({"TERM=foot"})), "TERM"), "foot");
}

TEST(BuildEnvironment, TheImagesOwnComesBeforeTheDefaults) {
    EnvironmentSources sources = image_sources();
    sources.image = {{"PATH", "/image/bin"}, {"X", "1"}};
    const auto result = build_environment({}, sources, environment({}));
    EXPECT_EQ(value(result, "PATH"), "/image/bin");
    EXPECT_EQ(value(result, "X"), "1");
    EXPECT_EQ(value(result, "HOME"), "/root");
}

TEST(BuildEnvironment, TheUserHasTheLastWordInOrder) {
    EnvironmentSources sources = image_sources();
    sources.image = {{"A", "image"}};
    ProcessSpec process;
    process.environment = {{"A", "first"}, {"HOME", "/h"}, {"A", "second"}, {"B", std::nullopt}};
    const auto result = build_environment(process, sources, environment({"B=callers"}));
    EXPECT_EQ(value(result, "A"), "second");
    EXPECT_EQ(value(result, "HOME"), "/h");
    EXPECT_EQ(value(result, "B"), "callers");
}

// docker-run(1): a name whose variable is not exported is removed from the container's environment.
TEST(BuildEnvironment, ANameThatTheCallerHasNotIsUnset) {
    EnvironmentSources sources = image_sources();
    sources.image = {{"A", "image"}};
    ProcessSpec process;
    process.environment = {{"A", std::nullopt}};
    EXPECT_EQ(value(build_environment(process, sources, environment({})), "A"), "(unset)");
}

TEST(BuildEnvironment, ClearedItHoldsWhatTheUserSetAndNoMore) {
    ProcessSpec process;
    process.clear_environment = true;
    process.environment = {{"A", "1"}, {"T", std::nullopt}};
    for (const auto& sources : {image_sources(), host_sources()}) {
        EXPECT_EQ(build_environment(process, sources, environment({"T=x", "http_proxy=p"})).strings(),
                  (std::vector<std::string>{"A=1", "T=x"}));
    }
}

TEST(BuildEnvironment, ProxiesPassInBothSpellings) {
    const auto caller = environment({"http_proxy=a", "HTTPS_PROXY=b", "no_proxy=c"});
    const auto result = build_environment({}, image_sources(), caller);
    EXPECT_EQ(value(result, "http_proxy"), "a");
    EXPECT_EQ(value(result, "HTTPS_PROXY"), "b");
    EXPECT_EQ(value(result, "no_proxy"), "c");
    EXPECT_EQ(value(result, "HTTP_PROXY"), "(unset)");
}

TEST(BuildEnvironment, ProxiesDoNotPassWithoutANetworkOrAgainstTheUsersWord) {
    const auto caller = environment({"http_proxy=a"});
    EnvironmentSources offline = image_sources();
    offline.has_network = false;
    EXPECT_EQ(value(build_environment({}, offline, caller), "http_proxy"), "(unset)");
    ProcessSpec process;
    process.pass_proxies = false;
    EXPECT_EQ(value(build_environment(process, image_sources(), caller), "http_proxy"), "(unset)");
}

TEST(BuildEnvironment, NoHttpProxyHoldsForTheHostsRootToo) {
    const auto caller = environment({"http_proxy=a", "NO_PROXY=b", "OTHER=c"});
    ProcessSpec process;
    process.pass_proxies = false;
    const auto result = build_environment(process, host_sources(), caller);
    EXPECT_EQ(value(result, "http_proxy"), "(unset)");
    EXPECT_EQ(value(result, "NO_PROXY"), "(unset)");
    EXPECT_EQ(value(result, "OTHER"), "c");
}

TEST(BuildEnvironment, TheImagesOwnProxyIsNotTheCallers) {
    EnvironmentSources sources = image_sources();
    sources.image = {{"http_proxy", "image"}};
    EXPECT_EQ(value(build_environment({}, sources, environment({})), "http_proxy"), "image");
}

TEST(BuildEnvironment, TheHostsRootHasTheCallersWithoutItsSession) {
    const auto result = build_environment(
        {}, host_sources(),
        environment({"EDITOR=vi", "HOME=/home/me", "SSH_AUTH_SOCK=/run/x", "XDG_RUNTIME_DIR=/run/user/1",
                     "DBUS_SESSION_BUS_ADDRESS=unix:x", "SANDBOX_ROOT=/s"}));
    EXPECT_EQ(value(result, "EDITOR"), "vi");
    EXPECT_EQ(value(result, "HOME"), "/home/me");
    for (const char* name :
         {"SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "SANDBOX_ROOT"}) {
        EXPECT_EQ(value(result, name), "(unset)") << name;
    }
}

TEST(BuildEnvironment, ASessionVariableAskedForByNamePasses) {
    ProcessSpec process;
    process.environment = {{"SSH_AUTH_SOCK", std::nullopt}};
    EXPECT_EQ(
        value(build_environment(process, host_sources(), environment({"SSH_AUTH_SOCK=/x"})), "SSH_AUTH_SOCK"),
        "/x");
}

TEST(BuildEnvironment, NoNameIsThereTwice) {
    EnvironmentSources sources = host_sources();
    sources.image = {{"A", "image"}};
    ProcessSpec process;
    process.environment = {{"A", "user"}, {"PATH", "/p"}};
    EXPECT_EQ(build_environment(process, sources, environment({"A=1", "PATH=/q", "A=2"})).strings(),
              (std::vector<std::string>{"A=user", "PATH=/p", "TERM=xterm", "LANG=C.UTF-8", "HOME=/home/me",
                                        "USER=me"}));
}

} // namespace
} // namespace sandbox
