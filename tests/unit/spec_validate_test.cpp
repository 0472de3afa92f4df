// SPDX-License-Identifier: Apache-2.0
// Combinations of options that cannot mean anything.
#include "spec/validate.hpp"

#include "support.hpp"

namespace sandbox {
namespace {

using test::refuses;

Spec spec_of(const char* image) {
    Spec spec;
    spec.sandbox.image = image;
    return spec;
}

TEST(Validate, DefaultsAreFine) {
    EXPECT_NO_THROW(validate(spec_of("host")));
    EXPECT_NO_THROW(validate(spec_of("alpine.tar")));
}

TEST(Validate, TheHostsRootHasNoWritableLayer) {
    Spec spec = spec_of("host");
    spec.sandbox.storage = Storage::overlay;
    EXPECT_TRUE(refuses([&] { validate(spec); }, "--storage"));
    spec = spec_of("host");
    spec.sandbox.upper = UpperPlace::tmpfs;
    EXPECT_TRUE(refuses([&] { validate(spec); }, "--upper"));
}

TEST(Validate, InTheHostsRootYouAreYourself) {
    Spec spec = spec_of("host");
    spec.process.user = "root";
    EXPECT_TRUE(refuses([&] { validate(spec); }, "--user"));
    spec.sandbox.user_namespace = UserNamespace::single;
    EXPECT_NO_THROW(validate(spec));
    spec.sandbox.image = "alpine.tar";
    spec.sandbox.user_namespace = UserNamespace::automatic;
    EXPECT_NO_THROW(validate(spec));
}

TEST(Validate, ACopyHasNoUpperLayer) {
    Spec spec = spec_of("a.tar");
    spec.sandbox.storage = Storage::copy;
    spec.sandbox.upper = UpperPlace::tmpfs;
    EXPECT_TRUE(refuses([&] { validate(spec); }, "--upper tmpfs", "--storage copy"));
}

TEST(Validate, AClockOffsetNeedsATimeNamespace) {
    Spec spec = spec_of("a.tar");
    spec.sandbox.time_offset = 5;
    EXPECT_NO_THROW(validate(spec));
    spec.sandbox.shared = {Namespace::time};
    EXPECT_TRUE(refuses([&] { validate(spec); }, "--time-offset"));
}

TEST(Validate, AHostNameNeedsAUtsNamespace) {
    Spec spec = spec_of("a.tar");
    spec.sandbox.shared = {Namespace::uts};
    EXPECT_NO_THROW(validate(spec));
    spec.sandbox.hostname = "other";
    EXPECT_TRUE(refuses([&] { validate(spec); }, "--hostname", "--share uts"));
}

TEST(Validate, BeingPid1NeedsAPidNamespace) {
    Spec spec = spec_of("a.tar");
    spec.process.init = false;
    EXPECT_NO_THROW(validate(spec));
    spec.sandbox.shared = {Namespace::pid};
    EXPECT_TRUE(refuses([&] { validate(spec); }, "--no-init"));
}

// Whoever says "none" must not get the host's network, whatever else is said.
TEST(Validate, NoNetworkAndTheHostsNetworkContradict) {
    Spec spec = spec_of("a.tar");
    spec.sandbox.network.kind = Network::none;
    spec.sandbox.shared = {Namespace::net};
    EXPECT_TRUE(refuses([&] { validate(spec); }, "--network none", "--share net"));
}

TEST(Shares, TheHostsNetworkIsASharedNamespace) {
    SandboxSpec sandbox;
    EXPECT_FALSE(shares(sandbox, Namespace::net));
    sandbox.network.kind = Network::host;
    EXPECT_TRUE(shares(sandbox, Namespace::net));
    EXPECT_FALSE(shares(sandbox, Namespace::pid));
    sandbox.shared = {Namespace::pid};
    EXPECT_TRUE(shares(sandbox, Namespace::pid));
}

} // namespace
} // namespace sandbox
