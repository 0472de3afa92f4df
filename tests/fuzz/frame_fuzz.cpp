// SPDX-License-Identifier: Apache-2.0
// Frames from the inside: the filter, the parser, and our answers to whatever they let through.
#include <algorithm>
#include <array>

#include "net/addresses.hpp"
#include "net/frame_filter.hpp"
#include "net/packet.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/lib/frame_check.hpp"

using namespace sandbox;
using namespace sandbox::net;
using fuzz::require;

namespace {

bool lies_within(Bytes part, Bytes whole) {
    return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

Packet parse_answer(const Frame& frame) {
    require(test::flaw_of(frame).empty(), "an answer's lengths and checksums are right");
    const auto packet = parse_packet(frame);
    require(packet.has_value(), "an answer can be parsed");
    return *packet;
}

void check_spans(const Packet& packet, Bytes frame) {
    require(packet.frame.data() == frame.data() && packet.frame.size() == frame.size(), "the frame is kept");
    require(lies_within(packet.ip, packet.frame), "the packet lies within its frame");
    require(lies_within(packet.transport, packet.ip), "the transport lies within the packet");
    require(lies_within(packet.payload, packet.transport), "the payload lies within the transport");
    require(packet.source.address.is_ipv6() == packet.destination.address.is_ipv6(),
            "both ends have one version");
}

void check_answers(const Packet& packet) {
    for (const Unreachable reason :
         {Unreachable::network, Unreachable::host, Unreachable::port, Unreachable::prohibited}) {
        const Frame frame = make_unreachable(packet, reason);
        const Packet error = parse_answer(frame);
        require(error.destination.address == packet.source.address, "an error goes to the sender");
        require(!error.payload.empty() &&
                    std::ranges::equal(error.payload, packet.ip.first(error.payload.size())),
                "an error quotes the packet's beginning");
    }
    if (packet.protocol == Protocol::tcp) {
        const Frame frame = make_reset(packet);
        const Packet reset = parse_answer(frame);
        require(reset.source == packet.destination && reset.destination == packet.source,
                "a reset goes back");
        require((reset.tcp_flags & tcp_rst) != 0 && reset.payload.empty(),
                "a reset resets, and says no more");
    } else if (packet.protocol == Protocol::udp) {
        const Frame frame =
            make_datagram(packet.destination, packet.source, packet.payload, {2, 3, 4, 5, 6, 7});
        const Packet answer = parse_answer(frame);
        require(answer.source == packet.destination && answer.destination == packet.source,
                "an answer goes back");
        require(std::ranges::equal(answer.payload, packet.payload), "a datagram has what it is given");
    } else {
        const Frame frame = make_echo_reply(packet, packet.payload);
        const Packet reply = parse_answer(frame);
        require(std::ranges::equal(reply.transport.subspan(4), packet.transport.subspan(4)),
                "a reply has the request's numbers and data");
    }
}

/// What no frame may lead to, whatever the rest of it says.
void check_passed(const Packet& packet) {
    const IpAddress& to = packet.destination.address;
    require(!to.is_loopback(), "nothing goes to the host's loopback");
    // DHCP asks from and to nowhere in particular, within the tap.
    const bool is_dhcp = packet.protocol == Protocol::udp && !to.is_ipv6() && packet.destination.port == 67;
    require(is_dhcp || !packet.source.address.is_unspecified() || packet.protocol == Protocol::icmpv6,
            "a packet has a sender");
    require(!to.is_unspecified(), "a packet has a destination");
    require(to.unmapped() == to, "no mapped address passes");
    require(!to.is_ipv6() || packet.protocol == Protocol::icmpv6 || !to.is_link_local(),
            "no link-local one either");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes frame = std::as_bytes(std::span{data, size});
    const Verdict verdict = judge_frame(frame, true);
    const bool is_ipv6 = size >= 14 && test::number_at(frame, 12) == 0x86dd;
    require(judge_frame(frame, false) == (is_ipv6 ? Verdict::unserved : verdict),
            "IPv6 alone depends on the switch");
    const auto packet = parse_packet(frame);
    if (packet) {
        check_spans(*packet, frame);
        check_answers(*packet);
        if (verdict == Verdict::pass) {
            check_passed(*packet);
        }
    }
    return 0;
}
