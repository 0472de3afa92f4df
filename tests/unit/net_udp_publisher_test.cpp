// SPDX-License-Identifier: Apache-2.0
// Published UDP between real sockets of the loopback and frames.
#include "net/udp_publisher.hpp"

#include <netinet/in.h>

#include "net/addresses.hpp"
#include "net_frames.hpp"
#include "net_wire.hpp"

namespace sandbox::net {
namespace {

class Socket {
  public:
    explicit Socket(const std::string& address, std::uint16_t port = 0) {
        SocketAddress name{endpoint(address, port)};
        fd_ = UniqueFd{
            check(::socket(name.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "make", "a socket")};
        check(::bind(fd_.get(), name.get(), name.size), "bind", address);
    }
    [[nodiscard]] Endpoint name() const {
        SocketAddress name;
        name.size = sizeof name.storage;
        check(::getsockname(fd_.get(), name.get(), &name.size), "name", "a socket");
        return name.endpoint();
    }
    void send(const Endpoint& to, const std::string& text) const {
        const SocketAddress name{to};
        check(::sendto(fd_.get(), text.data(), text.size(), 0, name.get(), name.size), "send", "a datagram");
    }
    /// What came, and from whom; "" where nothing did.
    std::string receive(Endpoint* from = nullptr) const {
        std::string text(65536, '\0');
        SocketAddress name;
        name.size = sizeof name.storage;
        const ssize_t got =
            ::recvfrom(fd_.get(), text.data(), text.size(), MSG_DONTWAIT, name.get(), &name.size);
        text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        if (from != nullptr) {
            *from = name.endpoint();
        }
        return text;
    }
    UniqueFd release() { return std::move(fd_); }

  private:
    UniqueFd fd_;
};

class UdpPublisherTest : public ::testing::Test {
  protected:
    /// @return what the host's side is bound to
    Endpoint publish(const std::string& address, std::uint16_t port, UdpPublisher* publisher = nullptr) {
        Socket socket{address};
        const Endpoint name = socket.name();
        (publisher != nullptr ? *publisher : publisher_).publish(socket.release(), port);
        return name;
    }
    /// The next datagram to the inside.
    std::optional<Packet> arrival() {
        serve_until(reactor_, [&] {
            frame_ = wire_.next();
            return !frame_.empty();
        });
        return parse_packet(frame_);
    }
    /// An answer from inside to whom a datagram came from.
    static Frame answer_to(const Packet& packet, const std::string& text) {
        Frame frame = make_datagram(packet.destination, packet.source, std::as_bytes(std::span{text}), {});
        return frame;
    }
    bool answer(const Packet& packet, const std::string& text) {
        const Frame frame = answer_to(packet, text);
        return publisher_.input(parse_packet(frame).value());
    }
    static std::string text_of(const Packet& packet) {
        return {reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size()};
    }

    Wire wire_;
    Reactor reactor_;
    Policy policy_{{}, false};
    FlowLog log_{UniqueFd{}};
    FlowTable flows_{reactor_, policy_, log_};
    UdpPublisher publisher_{reactor_, flows_, wire_.tap(), true};
    Frame frame_;
};

TEST_F(UdpPublisherTest, ADatagramGoesInAndItsAnswerComesBack) {
    const Endpoint outside = publish("127.0.0.1", 53);
    const Socket peer{"127.0.0.1"};
    peer.send(outside, "question");
    const auto packet = arrival();
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->destination, endpoint("10.0.2.15", 53));
    EXPECT_EQ(text_of(*packet), "question");
    EXPECT_TRUE(answer(*packet, "answer"));
    Endpoint from;
    EXPECT_EQ(peer.receive(&from), "answer");
    EXPECT_EQ(from, outside);
}

TEST_F(UdpPublisherTest, APeerOnLoopbackAppearsAsTheGateway) {
    const Endpoint outside = publish("127.0.0.1", 53);
    const Socket peer{"127.0.0.1"};
    peer.send(outside, "x");
    const auto packet = arrival();
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->source.address, IpAddress{ipv4_gateway});
    EXPECT_EQ(packet->source.port, peer.name().port);
}

TEST_F(UdpPublisherTest, Ipv6PeersOnLoopbackAppearAsTheGateway) {
    const Endpoint outside = publish("::1", 53);
    const Socket peer{"::1"};
    peer.send(outside, "x");
    const auto packet = arrival();
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->source.address, IpAddress{ipv6_gateway});
    EXPECT_EQ(packet->destination, endpoint("fd00::15", 53));
    EXPECT_TRUE(answer(*packet, "answer"));
    EXPECT_EQ(peer.receive(), "answer");
}

TEST_F(UdpPublisherTest, WithoutIpv6InsideItsPeersAppearAsTheIpv4Gateway) {
    UdpPublisher publisher{reactor_, flows_, wire_.tap(), false};
    const Endpoint outside = publish("::1", 53, &publisher);
    const Socket peer{"::1"};
    peer.send(outside, "x");
    const auto packet = arrival();
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->source.address, IpAddress{ipv4_gateway});
    const Frame frame = answer_to(*packet, "answer");
    EXPECT_TRUE(publisher.input(parse_packet(frame).value()));
    EXPECT_EQ(peer.receive(), "answer");
}

TEST_F(UdpPublisherTest, PeersOfTheSamePortStayApart) {
    const Endpoint one = publish("127.0.0.1", 53);
    const Endpoint other = publish("127.0.0.2", 53);
    const Socket peer{"127.0.0.1"};
    peer.send(one, "one");
    const auto first = arrival();
    ASSERT_TRUE(first);
    const Frame kept = frame_;
    peer.send(other, "other");
    const auto second = arrival();
    ASSERT_TRUE(second);
    const Packet first_again = parse_packet(kept).value();
    EXPECT_NE(first_again.source, second->source);
    Endpoint from;
    EXPECT_TRUE(answer(first_again, "to one"));
    EXPECT_EQ(peer.receive(&from), "to one");
    EXPECT_EQ(from, one);
    EXPECT_TRUE(answer(*second, "to other"));
    EXPECT_EQ(peer.receive(&from), "to other");
    EXPECT_EQ(from, other);
    EXPECT_EQ(publisher_.peers(), 2U);
}

TEST_F(UdpPublisherTest, AnAnswerComesFromTheAddressThatWasWrittenTo) {
    const Endpoint outside = publish("0.0.0.0", 53);
    const Socket peer{"127.0.0.1"};
    peer.send(endpoint("127.0.0.9", outside.port), "x");
    const auto packet = arrival();
    ASSERT_TRUE(packet);
    EXPECT_TRUE(answer(*packet, "answer"));
    Endpoint from;
    EXPECT_EQ(peer.receive(&from), "answer");
    EXPECT_EQ(from, endpoint("127.0.0.9", outside.port));
}

TEST_F(UdpPublisherTest, ASocketOfBothFamiliesServesIpv4Peers) {
    UniqueFd socket{check(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), "make", "a socket")};
    const int off = 0;
    ASSERT_EQ(::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), 0);
    SocketAddress name{endpoint("::", 0)};
    ASSERT_EQ(::bind(socket.get(), name.get(), name.size), 0);
    ASSERT_EQ(::getsockname(socket.get(), name.get(), &name.size), 0);
    const std::uint16_t port = name.endpoint().port;
    publisher_.publish(std::move(socket), 53);
    const Socket peer{"127.0.0.1"};
    peer.send(endpoint("127.0.0.9", port), "x");
    const auto packet = arrival();
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->source.address, IpAddress{ipv4_gateway});
    EXPECT_TRUE(answer(*packet, "answer"));
    Endpoint from;
    EXPECT_EQ(peer.receive(&from), "answer");
    EXPECT_EQ(from.address, endpoint("127.0.0.9", 0).address);
}

TEST_F(UdpPublisherTest, OnlyWhoWroteIsAnswered) {
    const Endpoint outside = publish("127.0.0.1", 53);
    const Socket peer{"127.0.0.1"};
    peer.send(outside, "x");
    const auto packet = arrival();
    ASSERT_TRUE(packet);
    Packet other = *packet;
    other.source.port = static_cast<std::uint16_t>(packet->source.port ^ 1U);
    EXPECT_FALSE(answer(other, "to a stranger"));
    other = *packet;
    other.destination.port = 54;
    EXPECT_FALSE(answer(other, "from another port"));
    EXPECT_EQ(peer.receive(), "");
}

TEST_F(UdpPublisherTest, TheLargestDatagramPassesBothWays) {
    const Endpoint outside = publish("127.0.0.1", 53);
    const Socket peer{"127.0.0.1"};
    const std::string large(65507, 'x');
    peer.send(outside, large);
    const auto packet = arrival();
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->payload.size(), large.size());
    EXPECT_TRUE(answer(*packet, large));
    EXPECT_EQ(peer.receive().size(), large.size());
}

TEST_F(UdpPublisherTest, PeersAreBounded) {
    const Endpoint outside = publish("127.0.0.1", 53);
    for (int i = 0; i < 5000; ++i) {
        Socket{"127.0.0.1"}.send(outside, "");
        reactor_.dispatch();
        (void)wire_.next();
    }
    EXPECT_LE(publisher_.peers(), 4096U);
}

} // namespace
} // namespace sandbox::net
