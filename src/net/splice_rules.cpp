// SPDX-License-Identifier: Apache-2.0
// The rules of splice_rules.hpp, and the routes that make marked packets ours.
#include "net/splice_rules.hpp"

#include <linux/netfilter/nf_tables.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.hpp"
#include "linux/netlink.hpp"
#include "net/packet.hpp"

namespace sandbox::net {

namespace {

constexpr const char* out_chain = "out";
constexpr const char* in_chain = "pre";
constexpr auto tcp = static_cast<std::uint8_t>(Protocol::tcp);
constexpr std::uint32_t flags_byte = 13; ///< of the TCP header. RFC 9293, 3.1.

/// Only what leaves by the tap is ours: own addresses, loopback and interfaces that somebody inside has made
/// pass.
void add_out_rules(NftBatch& batch, std::uint32_t tap) {
    batch.begin_rule(out_chain);
    batch.load_meta(NFT_META_OIF);
    batch.match_unequal(tap);
    batch.accept();
    batch.end_rule();

    batch.begin_rule(out_chain);
    batch.load_meta(NFT_META_L4PROTO);
    batch.match_byte_unequal(tcp);
    batch.accept();
    batch.end_rule();

    batch.begin_rule(out_chain);
    batch.load_transport(flags_byte, 1);
    batch.mask_byte(tcp_syn | tcp_ack | tcp_rst | tcp_fin);
    batch.match_byte(tcp_syn);
    batch.accept();
    batch.end_rule();

    batch.begin_rule(out_chain);
    batch.set_mark(splice_mark);
    batch.end_rule();
}

void add_in_rules(NftBatch& batch, bool ipv6) {
    const Endpoint listener = splice_listener(ipv6);
    batch.begin_rule(in_chain);
    batch.load_meta(NFT_META_MARK);
    batch.match_equal(splice_mark);
    batch.load_meta(NFT_META_L4PROTO);
    batch.match_byte(tcp);
    batch.tproxy(listener.address.bytes(), listener.port);
    batch.accept();
    batch.end_rule();
}

} // namespace

Endpoint splice_listener(bool ipv6) {
    // A listener at any address takes its port from those who would listen at every address. This one
    // (tcpmux) only root inside could have, and nobody wants.
    constexpr std::uint16_t port = 1;
    return {ipv6 ? IpAddress{std::array<std::uint8_t, 16>{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8}}
                 : IpAddress{std::array<std::uint8_t, 4>{192, 0, 0, 8}},
            port};
}

NftBatch splice_rules(bool ipv6, std::uint32_t tap) {
    NftBatch batch{ipv6, "sandbox"};
    batch.add_table();
    // A chain of type route looks the route up again where the mark has changed.
    batch.add_chain({out_chain, "route", NftHook::output});
    batch.add_chain({in_chain, "filter", NftHook::prerouting});
    add_out_rules(batch, tap);
    add_in_rules(batch, ipv6);
    return batch;
}

void install_splice_rules(bool ipv6, std::uint32_t tap) {
    Netlink netlink;
    if (!netlink.valid()) {
        throw_errno(errno, "open", "a route socket");
    }
    const int family = ipv6 ? AF_INET6 : AF_INET;
    check(netlink.add_mark_rule(family, splice_mark, splice_table), "add",
          "a routing rule for marked packets");
    check(netlink.add_local_default(family, splice_table), "add", "a local route for marked packets");
    splice_rules(ipv6, tap).commit();
}

} // namespace sandbox::net
