// SPDX-License-Identifier: Apache-2.0
// Pairs of real TCP connections over loopback, with the splicing code between them.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "net/splice_table.hpp"
#include "support.hpp"

using namespace sandbox;
using namespace sandbox::net;

namespace {

struct Connection {
    UniqueFd near; ///< the test's end, blocking with a time limit
    UniqueFd far;  ///< the end that is spliced
};

Connection connect_pair() {
    const UniqueFd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    SocketAddress name{Endpoint{IpAddress{std::array<std::uint8_t, 4>{127, 0, 0, 1}}, 0}};
    Connection made;
    made.near.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{10, 0};
    EXPECT_EQ(::setsockopt(made.near.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    EXPECT_EQ(::bind(listener.get(), name.get(), name.size), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    EXPECT_EQ(::getsockname(listener.get(), name.get(), &name.size), 0);
    EXPECT_EQ(::connect(made.near.get(), name.get(), name.size), 0);
    made.far.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    EXPECT_TRUE(made.far.valid());
    return made;
}

std::string receive(const UniqueFd& socket, std::size_t size) {
    std::string text(size, '\0');
    const ssize_t got = ::recv(socket.get(), text.data(), size, 0);
    return got < 0 ? "error " + std::to_string(errno) : text.substr(0, static_cast<std::size_t>(got));
}

void send_text(const UniqueFd& socket, const std::string& text, int flags = 0) {
    EXPECT_EQ(::send(socket.get(), text.data(), text.size(), flags), static_cast<ssize_t>(text.size()));
}

bool becomes_readable(const UniqueFd& socket) {
    pollfd wait{socket.get(), POLLIN, 0};
    return ::poll(&wait, 1, 5000) == 1;
}

/// Between two connections, without a loop: told of everything, always.
class Stream : public ::testing::Test {
  protected:
    SplicedStream::State run(std::uint32_t events = EPOLLIN) {
        stream_.on_source(events);
        stream_.on_target(EPOLLOUT);
        return stream_.advance();
    }
    void wait_for_source() const { EXPECT_TRUE(becomes_readable(source_.far)); }

    Connection source_ = connect_pair();
    Connection target_ = connect_pair();
    PipePool pool_;
    SplicedStream stream_{source_.far.get(), target_.far.get(), pool_};
};

/// All pairs of a table, served until a condition holds or five seconds are over.
class Table : public ::testing::Test {
  protected:
    template <typename Condition>
    bool serve_until(Condition condition) {
        const auto end = Clock::now() + std::chrono::seconds{5};
        while (!condition() && Clock::now() < end) {
            pollfd wait{reactor_.fd(), POLLIN, 0};
            (void)::poll(&wait, 1, 5);
            reactor_.dispatch();
        }
        return condition();
    }
    void splice() { table_.add({std::move(inner_.far), std::move(outer_.far), false, 0, FlowRecord{}}); }
    [[nodiscard]] bool has_news(const UniqueFd& socket) const {
        pollfd wait{socket.get(), POLLIN, 0};
        return ::poll(&wait, 1, 0) == 1;
    }

    Reactor reactor_;
    FlowLog log_{UniqueFd{}};
    KeepaliveLookup inside_{UniqueFd{}};
    SpliceTable table_{reactor_, log_, inside_, 1024};
    Connection inner_ = connect_pair();
    Connection outer_ = connect_pair();
};

} // namespace

TEST_F(Stream, MovesWhatIsThereAndGivesThePipeBack) {
    send_text(source_.near, "words");
    wait_for_source();
    EXPECT_EQ(run(), SplicedStream::State::waiting);
    EXPECT_EQ(receive(target_.near, 100), "words");
    EXPECT_EQ(stream_.passed(), 5U);
    EXPECT_EQ(pool_.lent(), 0U);
}

TEST_F(Stream, PassesTheEndOnOnlyWhenTold) {
    EXPECT_EQ(::shutdown(source_.near.get(), SHUT_WR), 0);
    wait_for_source();
    EXPECT_EQ(run(EPOLLIN | EPOLLRDHUP), SplicedStream::State::ended);
    EXPECT_EQ(::recv(target_.near.get(), nullptr, 0, MSG_DONTWAIT), -1); // no end yet
    stream_.pass_end_on();
    EXPECT_EQ(receive(target_.near, 1), "");
}

TEST_F(Stream, KeepsAPipeOnlyWhileTheTargetIsStuck) {
    const std::string much(1 << 20, 'x');
    std::size_t sent = 0;
    for (int turns = 0; turns < 200; ++turns) {
        const ssize_t put = ::send(source_.near.get(), much.data(), much.size(), MSG_DONTWAIT);
        sent += put > 0 ? static_cast<std::size_t>(put) : 0;
        stream_.on_source(EPOLLIN);
        (void)stream_.advance();
    }
    EXPECT_EQ(pool_.lent(), 1U);
    EXPECT_LT(sent, std::size_t{64} << 20); // what the kernels and one pipe hold, however long it is tried
    std::size_t got = 0;
    while (got < sent && becomes_readable(target_.near)) {
        got += receive(target_.near, 1 << 20).size();
        (void)run();
    }
    EXPECT_EQ(got, sent);
    EXPECT_EQ(pool_.lent(), 0U);
}

TEST_F(Stream, WorksWhenAllPipesAreLent) {
    std::vector<SplicePipe> lent;
    while (auto pipe = pool_.borrow(false)) {
        lent.push_back(std::move(*pipe));
    }
    EXPECT_EQ(lent.size(), PipePool::max_pipes);
    send_text(source_.near, "words");
    send_text(source_.near, "!", MSG_OOB);
    send_text(source_.near, "more");
    wait_for_source();
    ::usleep(20'000);
    EXPECT_EQ(run(EPOLLIN | EPOLLPRI), SplicedStream::State::waiting);
    EXPECT_EQ(receive(target_.near, 5), "words");
    char urgent = 0;
    EXPECT_EQ(::recv(target_.near.get(), &urgent, 1, MSG_OOB), 1);
    EXPECT_EQ(urgent, '!');
    EXPECT_EQ(receive(target_.near, 100), "more");
    for (SplicePipe& pipe : lent) {
        pool_.give_back(std::move(pipe));
    }
    EXPECT_EQ(pool_.lent(), 0U);
}

TEST_F(Stream, SaysWhenTheSourceWasReset) {
    reset_on_close(source_.near.get());
    source_.near.reset();
    ::usleep(20'000);
    EXPECT_EQ(run(EPOLLIN | EPOLLERR | EPOLLHUP), SplicedStream::State::broken);
}

TEST_F(Table, EachSideMayEndFirst) {
    splice();
    EXPECT_EQ(::shutdown(inner_.near.get(), SHUT_WR), 0);
    ASSERT_TRUE(serve_until([&] { return has_news(outer_.near); }));
    EXPECT_EQ(receive(outer_.near, 1), "");
    send_text(outer_.near, "answer");
    ASSERT_TRUE(serve_until([&] { return has_news(inner_.near); }));
    EXPECT_EQ(receive(inner_.near, 100), "answer");
    EXPECT_EQ(table_.size(), 1U);
    outer_.near.reset();
    ASSERT_TRUE(serve_until([&] { return table_.size() == 0; }));
    EXPECT_EQ(receive(inner_.near, 1), "");
}

TEST_F(Table, AResetPassesThrough) {
    splice();
    reset_on_close(outer_.near.get());
    outer_.near.reset();
    ASSERT_TRUE(serve_until([&] { return table_.size() == 0; }));
    EXPECT_EQ(receive(inner_.near, 1), "error " + std::to_string(ECONNRESET));
}

TEST_F(Table, WhatCameBeforeAResetStillArrives) {
    splice();
    send_text(outer_.near, "last words");
    reset_on_close(outer_.near.get());
    outer_.near.reset();
    ASSERT_TRUE(serve_until([&] { return table_.size() == 0; }));
    EXPECT_EQ(receive(inner_.near, 100), "last words");
    EXPECT_EQ(receive(inner_.near, 1), "error " + std::to_string(ECONNRESET));
}

TEST_F(Table, EventsThatCameBeforeThePairWasMadeAreNotLost) {
    std::uint32_t seen = 0;
    reactor_.add(outer_.far.get(), SpliceTable::events, [&](std::uint32_t events) { seen |= events; });
    send_text(outer_.near, "early");
    ASSERT_TRUE(serve_until([&] { return (seen & EPOLLIN) != 0; }));
    table_.add({std::move(inner_.far), std::move(outer_.far), true, seen, FlowRecord{}});
    EXPECT_EQ(receive(inner_.near, 100), "early");
}

TEST_F(Table, ItsEndResetsBothSides) {
    {
        SpliceTable table{reactor_, log_, inside_, 1024};
        table.add({std::move(inner_.far), std::move(outer_.far), false, 0, FlowRecord{}});
    }
    EXPECT_EQ(receive(inner_.near, 1), "error " + std::to_string(ECONNRESET));
    EXPECT_EQ(receive(outer_.near, 1), "error " + std::to_string(ECONNRESET));
}
