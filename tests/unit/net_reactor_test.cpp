// SPDX-License-Identifier: Apache-2.0
// The reactor with real pipes and timers: who is called, when, and what a handler may do to it.
#include "net/reactor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace sandbox::net {
namespace {

using std::chrono::milliseconds;

struct Pipe {
    UniqueFd reader, writer;

    Pipe() {
        int ends[2];
        check(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), "make", "a pipe");
        reader = UniqueFd{ends[0]};
        writer = UniqueFd{ends[1]};
    }
    void fill() const { ASSERT_EQ(::write(writer.get(), "x", 1), 1); }
    void drain() const {
        char byte = 0;
        ASSERT_EQ(::read(reader.get(), &byte, 1), 1);
    }
};

/// As the loop does it: sleeps no longer than the reactor wants, then dispatches.
bool turn(Reactor& reactor, int limit_ms = 5000) {
    const int timeout = reactor.timeout();
    pollfd polled{reactor.fd(), POLLIN, 0};
    const int ready = ::poll(&polled, 1, timeout < 0 ? limit_ms : std::min(timeout, limit_ms));
    reactor.dispatch();
    return ready > 0;
}

TEST(Reactor, WithoutSourcesNothingIsReadyAndNothingIsDue) {
    Reactor reactor;
    EXPECT_EQ(reactor.timeout(), -1);
    EXPECT_FALSE(turn(reactor, 0));
}

TEST(Reactor, AReadyDescriptorIsTold) {
    Reactor reactor;
    const Pipe pipe;
    std::uint32_t seen = 0;
    reactor.add(pipe.reader.get(), EPOLLIN, [&](std::uint32_t events) {
        seen = events;
        pipe.drain();
    });
    reactor.dispatch();
    EXPECT_EQ(seen, 0U);
    pipe.fill();
    EXPECT_TRUE(turn(reactor));
    EXPECT_EQ(seen, static_cast<std::uint32_t>(EPOLLIN));
    seen = 0;
    reactor.dispatch();
    EXPECT_EQ(seen, 0U);
}

TEST(Reactor, AClosedPeerIsTold) {
    Reactor reactor;
    Pipe pipe;
    std::uint32_t seen = 0;
    reactor.add(pipe.reader.get(), 0, [&](std::uint32_t events) { seen = events; });
    pipe.writer.reset();
    reactor.dispatch();
    EXPECT_NE(seen & EPOLLHUP, 0U);
    reactor.remove(pipe.reader.get());
}

TEST(Reactor, WatchedEventsCanBeChanged) {
    Reactor reactor;
    const Pipe pipe;
    int calls = 0;
    reactor.add(pipe.writer.get(), EPOLLOUT, [&](std::uint32_t) { ++calls; });
    reactor.dispatch();
    reactor.modify(pipe.writer.get(), 0);
    reactor.dispatch();
    EXPECT_EQ(calls, 1);
    reactor.modify(pipe.writer.get(), EPOLLOUT);
    reactor.dispatch();
    EXPECT_EQ(calls, 2);
}

TEST(Reactor, ARemovedDescriptorIsNotTold) {
    Reactor reactor;
    const Pipe pipe;
    pipe.fill();
    int calls = 0;
    reactor.add(pipe.reader.get(), EPOLLIN, [&](std::uint32_t) { ++calls; });
    reactor.remove(pipe.reader.get());
    reactor.remove(pipe.reader.get()); // twice is no error
    EXPECT_FALSE(turn(reactor, 0));
    EXPECT_EQ(calls, 0);
}

TEST(Reactor, AHandlerMayRemoveItself) {
    Reactor reactor;
    const Pipe pipe;
    pipe.fill();
    // The capture must outlive the call: the sanitizers would tell.
    const auto text = std::make_shared<std::string>(100, 'x');
    std::size_t seen = 0;
    reactor.add(pipe.reader.get(), EPOLLIN, [&, text](std::uint32_t) {
        reactor.remove(pipe.reader.get());
        seen = text->size();
    });
    reactor.dispatch();
    reactor.dispatch();
    EXPECT_EQ(seen, 100U);
    EXPECT_EQ(text.use_count(), 1);
}

// Both are ready in one epoll_wait(2): whichever is called first takes the other away.
TEST(Reactor, AHandlerMayRemoveAnotherThatIsReady) {
    Reactor reactor;
    const std::array<Pipe, 2> pipes;
    int calls = 0;
    for (const Pipe& pipe : pipes) {
        pipe.fill();
        reactor.add(pipe.reader.get(), EPOLLIN, [&](std::uint32_t) {
            ++calls;
            for (const Pipe& each : pipes) {
                reactor.remove(each.reader.get());
            }
        });
    }
    reactor.dispatch();
    EXPECT_EQ(calls, 1);
}

// A number is used again at once: an event for the closed descriptor is none for its heir.
TEST(Reactor, AnHeirOfANumberDoesNotGetTheOldEvents) {
    Reactor reactor;
    std::array<Pipe, 2> pipes;
    Pipe empty;
    int calls_of_heir = 0;
    for (Pipe& pipe : pipes) {
        pipe.fill();
    }
    const auto replace_other = [&](Pipe& other) {
        const int number = other.reader.get();
        reactor.remove(number);
        check(::dup3(empty.reader.get(), number, O_CLOEXEC), "duplicate", "a descriptor");
        reactor.add(number, EPOLLIN, [&](std::uint32_t) { ++calls_of_heir; });
    };
    int calls = 0;
    for (std::size_t i = 0; i < pipes.size(); ++i) {
        reactor.add(pipes[i].reader.get(), EPOLLIN, [&, i](std::uint32_t) {
            if (calls++ == 0) {
                replace_other(pipes[1 - i]);
            }
        });
    }
    reactor.dispatch();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(calls_of_heir, 0);
    empty.fill();
    reactor.dispatch();
    EXPECT_EQ(calls_of_heir, 1);
}

TEST(Reactor, AHandlerMayAddAndOwnDescriptors) {
    Reactor reactor;
    const Pipe first;
    auto second = std::make_shared<Pipe>();
    const std::weak_ptr<Pipe> watch = second;
    int calls = 0;
    first.fill();
    second->fill();
    reactor.add(first.reader.get(), EPOLLIN, [&](std::uint32_t) {
        first.drain();
        const int number = second->reader.get();
        reactor.add(number, EPOLLIN, [&, number, owned = std::move(second)](std::uint32_t) {
            ++calls;
            reactor.remove(number);
        });
    });
    reactor.dispatch();
    reactor.dispatch();
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(watch.expired());
}

TEST(Reactor, WhatGoesWithAHandlerMayRemoveOthers) {
    Reactor reactor;
    const std::array<Pipe, 3> pipes;
    struct Owner {
        Reactor& reactor;
        const std::array<Pipe, 3>& pipes;
        ~Owner() {
            for (const Pipe& pipe : pipes) {
                reactor.remove(pipe.reader.get());
            }
        }
    };
    int calls = 0;
    auto owner = std::make_shared<Owner>(reactor, pipes);
    for (const Pipe& pipe : pipes) {
        pipe.fill();
        reactor.add(pipe.reader.get(), EPOLLIN, [&calls](std::uint32_t) { ++calls; });
    }
    reactor.remove(pipes[0].reader.get());
    reactor.add(pipes[0].reader.get(), EPOLLIN, [owner = std::move(owner)](std::uint32_t) {});
    reactor.remove(pipes[0].reader.get());
    reactor.dispatch();
    EXPECT_EQ(calls, 0);
}

TEST(Reactor, ManyDescriptorsAllGetTheirTurn) {
    Reactor reactor;
    constexpr std::size_t number = 300; // more than one epoll_wait(2) takes
    const std::vector<Pipe> pipes(number);
    std::vector<int> calls(number);
    for (std::size_t i = 0; i < number; ++i) {
        pipes[i].fill();
        reactor.add(pipes[i].reader.get(), EPOLLIN, [&, i](std::uint32_t) {
            ++calls[i];
            pipes[i].drain();
        });
    }
    for (int i = 0; i < 4; ++i) {
        reactor.dispatch();
    }
    EXPECT_EQ(calls, std::vector<int>(number, 1));
}

TEST(Reactor, WhatCannotBeWatchedIsAnError) {
    Reactor reactor;
    EXPECT_THROW(reactor.add(-1, EPOLLIN, [](std::uint32_t) {}), SystemError);
    const Pipe pipe;
    reactor.add(pipe.reader.get(), EPOLLIN, [](std::uint32_t) {});
    EXPECT_THROW(reactor.add(pipe.reader.get(), EPOLLIN, [](std::uint32_t) {}), SystemError);
}

TEST(ReactorTimer, IsCalledOnceAndNotBeforeItsTime) {
    Reactor reactor;
    const auto start = Clock::now();
    std::vector<Clock::time_point> calls;
    reactor.at(start + milliseconds{20}, [&] { calls.push_back(Clock::now()); });
    EXPECT_GT(reactor.timeout(), 0);
    EXPECT_LE(reactor.timeout(), 20);
    reactor.dispatch();
    EXPECT_TRUE(calls.empty());
    while (calls.empty() && Clock::now() < start + std::chrono::seconds{10}) {
        turn(reactor);
    }
    ASSERT_EQ(calls.size(), 1U);
    EXPECT_GE(calls[0], start + milliseconds{20});
    EXPECT_EQ(reactor.timeout(), -1);
    reactor.dispatch();
    EXPECT_EQ(calls.size(), 1U);
}

TEST(ReactorTimer, AreCalledInTheOrderOfTheirTimes) {
    Reactor reactor;
    const auto past = Clock::now() - milliseconds{100};
    std::string order;
    reactor.at(past + milliseconds{3}, [&] { order += 'c'; });
    reactor.at(past + milliseconds{1}, [&] { order += 'a'; });
    reactor.at(past + milliseconds{2}, [&] { order += 'b'; });
    reactor.at(past + milliseconds{3}, [&] { order += 'd'; });
    EXPECT_EQ(reactor.timeout(), 0);
    reactor.dispatch();
    EXPECT_EQ(order, "abcd");
}

TEST(ReactorTimer, ACancelledOneIsNotCalled) {
    Reactor reactor;
    const auto past = Clock::now() - milliseconds{1};
    int calls = 0;
    const auto timer = reactor.at(past, [&] { ++calls; });
    reactor.cancel(timer);
    reactor.cancel(timer); // twice is no error
    EXPECT_EQ(reactor.timeout(), -1);
    reactor.dispatch();
    EXPECT_EQ(calls, 0);
}

TEST(ReactorTimer, AHandlerMayCancelAnotherThatIsDue) {
    Reactor reactor;
    const auto past = Clock::now() - milliseconds{10};
    int calls = 0;
    std::optional<Reactor::Timer> second;
    const auto first = reactor.at(past, [&] { reactor.cancel(*second); });
    second = reactor.at(past + milliseconds{1}, [&] { ++calls; });
    reactor.dispatch();
    EXPECT_EQ(calls, 0);
    reactor.cancel(first); // it has been called: no error
}

// Else a handler that asks to be called "at once, again" would hold the reactor for ever.
TEST(ReactorTimer, OneSetByAHandlerWaitsForTheNextDispatch) {
    Reactor reactor;
    const Pipe pipe;
    int calls = 0;
    bool other_called = false;
    std::function<void()> again = [&] {
        if (++calls < 1000) {
            reactor.at(Clock::time_point{}, again);
        }
    };
    reactor.at(Clock::time_point{}, again);
    reactor.at(Clock::now(), [&] { other_called = true; }); // later than those that come before it
    reactor.dispatch();
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(other_called);
    EXPECT_EQ(reactor.timeout(), 0);
    reactor.dispatch();
    EXPECT_EQ(calls, 2);
}

TEST(ReactorTimer, OneFarAwayIsAskedForAgain) {
    Reactor reactor;
    reactor.at(Clock::now() + std::chrono::hours{24 * 365}, [] {});
    EXPECT_GT(reactor.timeout(), 1000);
}

} // namespace
} // namespace sandbox::net
