// SPDX-License-Identifier: Apache-2.0
// What is forgotten, and when.
#include "net/idle_table.hpp"

#include <string>

#include "net_wire.hpp"

namespace sandbox::net {
namespace {

using namespace std::chrono_literals;
using Table = IdleTable<std::string, int>;

TEST(IdleTable, TheOneQuietForLongestMakesRoom) {
    Reactor reactor;
    std::string forgotten;
    Table table{reactor, 2, 1h, [&](const std::string& key, int&) { forgotten += key; }};
    table.add("a", 1);
    table.add("b", 2);
    EXPECT_NE(table.touch("a"), nullptr);
    table.add("c", 3);
    EXPECT_EQ(forgotten, "b");
    EXPECT_EQ(table.find("b"), nullptr);
    EXPECT_EQ(*table.find("a"), 1);
}

TEST(IdleTable, WhatIsQuietForTooLongIsForgotten) {
    Reactor reactor;
    std::string forgotten;
    Table table{reactor, 9, 50ms, [&](const std::string& key, int&) { forgotten += key; }};
    table.add("a", 1);
    table.add("b", 2);
    EXPECT_TRUE(serve_until(reactor, [&] { return table.size() == 0; }));
    EXPECT_EQ(forgotten, "ab");
    EXPECT_EQ(reactor.timeout(), -1);
}

TEST(IdleTable, ATouchedValueLivesOn) {
    Reactor reactor;
    Table table{reactor, 9, 100ms};
    table.add("a", 1);
    const auto begin = Clock::now();
    serve_until(reactor, [&] {
        table.touch("a");
        return Clock::now() - begin > 300ms;
    });
    EXPECT_EQ(table.size(), 1U);
}

TEST(IdleTable, AnEmptyTableWakesNobody) {
    Reactor reactor;
    Table table{reactor, 9, 1h};
    EXPECT_EQ(reactor.timeout(), -1);
    table.add("a", 1);
    EXPECT_GT(reactor.timeout(), 0);
    table.remove("a");
    EXPECT_EQ(reactor.timeout(), -1);
}

TEST(IdleTable, ATableWithoutALifetimeWakesNobody) {
    Reactor reactor;
    Table table{reactor, 9, std::nullopt};
    table.add("a", 1);
    EXPECT_EQ(reactor.timeout(), -1);
}

TEST(IdleTable, ATableThatGoesLeavesNoTimer) {
    Reactor reactor;
    {
        Table table{reactor, 9, 1h};
        table.add("a", 1);
    }
    EXPECT_EQ(reactor.timeout(), -1);
}

} // namespace
} // namespace sandbox::net
