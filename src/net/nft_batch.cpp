// SPDX-License-Identifier: Apache-2.0
// nfnetlink messages: every attribute is padded to four bytes, every number in network byte order.
#include "net/nft_batch.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace sandbox::net {

namespace {

constexpr std::int32_t priority_mangle = -150; // NF_IP_PRI_MANGLE, the same for IPv6
constexpr std::uint32_t value_register = NFT_REG32_00;
constexpr std::uint32_t port_register = NFT_REG32_00 + 4; ///< behind an IPv6 address

template <typename T>
std::span<const std::byte> bytes_of(const T& value) noexcept {
    return std::as_bytes(std::span{&value, 1});
}

constexpr std::uint16_t nf_tables(std::uint16_t message) noexcept {
    return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message);
}

/// Every message's errors up to the end of the batch. The kernel acknowledges those that asked for it; it
/// says nothing of a batch whose begin it has refused but the error itself.
void read_answers(int socket, std::uint32_t last_sequence) {
    alignas(nlmsghdr) std::array<char, 8192> buffer{};
    while (true) {
        const ssize_t got = check(::recv(socket, buffer.data(), buffer.size(), 0), "read from", "nftables");
        auto left = static_cast<unsigned>(got);
        for (const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type != NLMSG_ERROR) {
                continue;
            }
            const auto* answer = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
            if (answer->error != 0) {
                throw_errno(-answer->error, "add the rules of", "nftables");
            }
            if (header->nlmsg_seq == last_sequence) {
                return;
            }
        }
    }
}

} // namespace

NftBatch::NftBatch(bool ipv6, std::string_view table)
    : family_(ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4), table_(table) {
    static_assert(static_cast<int>(NftHook::prerouting) == NF_INET_PRE_ROUTING);
    static_assert(static_cast<int>(NftHook::output) == NF_INET_LOCAL_OUT);
    begin_message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    end_message();
}

void NftBatch::begin_message(std::uint16_t type, std::uint16_t flags, std::uint8_t family,
                             std::uint16_t resource) {
    message_ = bytes_.size();
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
    header.nlmsg_seq = ++sequence_;
    nfgenmsg body{};
    body.nfgen_family = family;
    body.version = NFNETLINK_V0;
    body.res_id = htons(resource);
    const auto head = bytes_of(header);
    const auto rest = bytes_of(body);
    bytes_.insert(bytes_.end(), head.begin(), head.end());
    bytes_.insert(bytes_.end(), rest.begin(), rest.end());
}

void NftBatch::end_message() {
    const auto length = static_cast<std::uint32_t>(bytes_.size() - message_);
    std::memcpy(&bytes_[message_], &length, sizeof length);
}

void NftBatch::put(std::uint16_t type, std::span<const std::byte> value) {
    const nlattr attribute{static_cast<std::uint16_t>(NLA_HDRLEN + value.size()), type};
    const auto head = bytes_of(attribute);
    bytes_.insert(bytes_.end(), head.begin(), head.end());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    bytes_.resize(NLA_ALIGN(bytes_.size()));
}

void NftBatch::put_text(std::uint16_t type, std::string_view text) {
    std::vector<std::byte> value(text.size() + 1);
    std::memcpy(value.data(), text.data(), text.size());
    put(type, value);
}

void NftBatch::put_number(std::uint16_t type, std::uint32_t value) {
    const std::uint32_t network_order = htonl(value);
    put(type, bytes_of(network_order));
}

std::size_t NftBatch::begin_nest(std::uint16_t type) {
    const std::size_t begin = bytes_.size();
    put(static_cast<std::uint16_t>(type | NLA_F_NESTED), {});
    return begin;
}

void NftBatch::end_nest(std::size_t begin) {
    const auto length = static_cast<std::uint16_t>(bytes_.size() - begin);
    std::memcpy(&bytes_[begin], &length, sizeof length);
}

void NftBatch::add_table() {
    begin_message(nf_tables(NFT_MSG_NEWTABLE), NLM_F_CREATE | NLM_F_EXCL, family_, 0);
    put_text(NFTA_TABLE_NAME, table_);
    end_message();
}

void NftBatch::add_chain(const NftChain& chain) {
    begin_message(nf_tables(NFT_MSG_NEWCHAIN), NLM_F_CREATE | NLM_F_EXCL, family_, 0);
    put_text(NFTA_CHAIN_TABLE, table_);
    put_text(NFTA_CHAIN_NAME, chain.name);
    put_text(NFTA_CHAIN_TYPE, chain.type);
    const std::size_t hook = begin_nest(NFTA_CHAIN_HOOK);
    put_number(NFTA_HOOK_HOOKNUM, static_cast<std::uint32_t>(chain.hook));
    put_number(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(priority_mangle));
    end_nest(hook);
    put_number(NFTA_CHAIN_POLICY, NF_ACCEPT);
    end_message();
}

void NftBatch::begin_rule(std::string_view chain) {
    begin_message(nf_tables(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND, family_, 0);
    put_text(NFTA_RULE_TABLE, table_);
    put_text(NFTA_RULE_CHAIN, chain);
    rule_ = begin_nest(NFTA_RULE_EXPRESSIONS);
}

void NftBatch::end_rule() {
    end_nest(rule_);
    end_message();
}

template <typename Body>
void NftBatch::expression(std::string_view name, Body body) {
    const std::size_t element = begin_nest(NFTA_LIST_ELEM);
    put_text(NFTA_EXPR_NAME, name);
    const std::size_t data = begin_nest(NFTA_EXPR_DATA);
    body();
    end_nest(data);
    end_nest(element);
}

void NftBatch::load_meta(std::uint32_t key) {
    expression("meta", [&] {
        put_number(NFTA_META_KEY, key);
        put_number(NFTA_META_DREG, value_register);
    });
}

void NftBatch::load_value(std::uint32_t reg, std::span<const std::byte> value) {
    expression("immediate", [&] {
        put_number(NFTA_IMMEDIATE_DREG, reg);
        const std::size_t data = begin_nest(NFTA_IMMEDIATE_DATA);
        put(NFTA_DATA_VALUE, value);
        end_nest(data);
    });
}

void NftBatch::set_mark(std::uint32_t mark) {
    load_value(value_register, bytes_of(mark));
    expression("meta", [&] {
        put_number(NFTA_META_KEY, NFT_META_MARK);
        put_number(NFTA_META_SREG, value_register);
    });
}

void NftBatch::load_transport(std::uint32_t offset, std::uint32_t size) {
    expression("payload", [&] {
        put_number(NFTA_PAYLOAD_DREG, value_register);
        put_number(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
        put_number(NFTA_PAYLOAD_OFFSET, offset);
        put_number(NFTA_PAYLOAD_LEN, size);
    });
}

void NftBatch::mask_byte(std::uint8_t bits) {
    constexpr std::uint8_t nothing = 0;
    const auto nested = [&](std::uint16_t type, const std::uint8_t& value) {
        const std::size_t data = begin_nest(type);
        put(NFTA_DATA_VALUE, bytes_of(value));
        end_nest(data);
    };
    expression("bitwise", [&] {
        put_number(NFTA_BITWISE_SREG, value_register);
        put_number(NFTA_BITWISE_DREG, value_register);
        put_number(NFTA_BITWISE_LEN, 1);
        nested(NFTA_BITWISE_MASK, bits);
        nested(NFTA_BITWISE_XOR, nothing);
    });
}

void NftBatch::compare(std::uint32_t operation, std::span<const std::byte> value) {
    expression("cmp", [&] {
        put_number(NFTA_CMP_SREG, value_register);
        put_number(NFTA_CMP_OP, operation);
        const std::size_t data = begin_nest(NFTA_CMP_DATA);
        put(NFTA_DATA_VALUE, value);
        end_nest(data);
    });
}

void NftBatch::match_equal(std::uint32_t value) {
    compare(NFT_CMP_EQ, bytes_of(value));
}

void NftBatch::match_unequal(std::uint32_t value) {
    compare(NFT_CMP_NEQ, bytes_of(value));
}

void NftBatch::match_byte(std::uint8_t value) {
    compare(NFT_CMP_EQ, bytes_of(value));
}

void NftBatch::match_byte_unequal(std::uint8_t value) {
    compare(NFT_CMP_NEQ, bytes_of(value));
}

void NftBatch::accept() {
    expression("immediate", [&] {
        put_number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        const std::size_t data = begin_nest(NFTA_IMMEDIATE_DATA);
        const std::size_t verdict = begin_nest(NFTA_DATA_VERDICT);
        put_number(NFTA_VERDICT_CODE, NF_ACCEPT);
        end_nest(verdict);
        end_nest(data);
    });
}

void NftBatch::tproxy(std::span<const std::uint8_t> address, std::uint16_t port) {
    const std::uint16_t network_order = htons(port);
    load_value(value_register, std::as_bytes(address));
    load_value(port_register, bytes_of(network_order));
    expression("tproxy", [&] {
        put_number(NFTA_TPROXY_FAMILY, family_);
        put_number(NFTA_TPROXY_REG_ADDR, value_register);
        put_number(NFTA_TPROXY_REG_PORT, port_register);
    });
}

std::span<const std::byte> NftBatch::finish() {
    if (!finished_) {
        finished_ = true;
        // The last message before the end acknowledges: by then all have been looked at.
        std::uint16_t flags = 0;
        std::memcpy(&flags, &bytes_[message_ + offsetof(nlmsghdr, nlmsg_flags)], sizeof flags);
        flags |= NLM_F_ACK;
        std::memcpy(&bytes_[message_ + offsetof(nlmsghdr, nlmsg_flags)], &flags, sizeof flags);
        begin_message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        end_message();
    }
    return bytes_;
}

void NftBatch::commit() {
    const auto batch = finish();
    const UniqueFd socket{check(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER),
                                "open a socket of", "nftables")};
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    check(::sendto(socket.get(), batch.data(), batch.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
                   sizeof kernel),
          "send to", "nftables");
    read_answers(socket.get(), sequence_ - 1);
}

} // namespace sandbox::net
