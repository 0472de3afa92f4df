// SPDX-License-Identifier: Apache-2.0
// Tables, chains and rules of nftables as one netlink transaction: what nfnetlink wants, written by hand, so
// that no library is needed for a dozen messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sandbox::net {

/// NF_INET_PRE_ROUTING and NF_INET_LOCAL_OUT.
enum class NftHook : std::uint32_t { prerouting = 0, output = 3 };

/// A chain that hangs on a hook, at the priority "mangle".
struct NftChain {
    const char* name;
    const char* type; ///< "filter" or "route"
    NftHook hook;
};

/// Builds a transaction for one table: all of it comes into force or nothing.
class NftBatch {
  public:
    /// @param table must outlive it
    NftBatch(bool ipv6, std::string_view table);

    void add_table();
    void add_chain(const NftChain& chain);

    /// The expressions of a rule come between the two. They work on NFT_REG32_00 and the next one.
    void begin_rule(std::string_view chain);
    void end_rule();

    void load_meta(std::uint32_t key);
    void set_mark(std::uint32_t mark);
    /// `size` bytes from `offset` of the transport header.
    void load_transport(std::uint32_t offset, std::uint32_t size);
    /// The byte loaded last keeps only these bits.
    void mask_byte(std::uint8_t bits);
    /// In host byte order, as meta keys have it.
    void match_equal(std::uint32_t value);
    void match_unequal(std::uint32_t value);
    void match_byte(std::uint8_t value);
    void match_byte_unequal(std::uint8_t value);
    void accept();
    /// To the transparent listener at this address, in network byte order, and port.
    void tproxy(std::span<const std::uint8_t> address, std::uint16_t port);

    /// The closed transaction. Nothing may be added afterwards.
    std::span<const std::byte> finish();

    /// Sends it to the kernel, in the network namespace of the caller. Throws SystemError with the first
    /// error of any message.
    void commit();

  private:
    void begin_message(std::uint16_t type, std::uint16_t flags, std::uint8_t family, std::uint16_t resource);
    void end_message();
    void put(std::uint16_t type, std::span<const std::byte> value);
    void put_text(std::uint16_t type, std::string_view text);
    void put_number(std::uint16_t type, std::uint32_t value);
    std::size_t begin_nest(std::uint16_t type);
    void end_nest(std::size_t begin);
    template <typename Body>
    void expression(std::string_view name, Body body);
    void compare(std::uint32_t operation, std::span<const std::byte> value);
    void load_value(std::uint32_t reg, std::span<const std::byte> value);

    std::vector<std::byte> bytes_;
    std::size_t message_ = 0; ///< where the open one begins
    std::size_t rule_ = 0;    ///< where the open rule's expressions begin
    std::uint32_t sequence_ = 0;
    std::uint8_t family_;
    std::string_view table_;
    bool finished_ = false;
};

} // namespace sandbox::net
