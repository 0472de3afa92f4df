// SPDX-License-Identifier: Apache-2.0
// What every fuzz target uses: bytes as text, and a rule that stops the fuzzer where it does not hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"

/// libFuzzer's entry: one input, no state kept between two. https://llvm.org/docs/LibFuzzer.html
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sandbox::fuzz {

/// Ends the process where `holds` is false: libFuzzer keeps the input that led here.
inline void require(bool holds, std::string_view rule) {
    if (!holds) {
        std::cerr << "broken rule: " << rule << std::endl;
        std::abort();
    }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// The first byte, which chooses, and the rest. 0 where there is none.
inline unsigned take_choice(std::string_view& text) {
    if (text.empty()) {
        return 0;
    }
    const auto choice = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    return choice;
}

/// Runs `parse`: refusing is fine, with a reason.
/// @return whether it was taken
template <typename Parse>
bool is_taken(const Parse& parse) {
    try {
        parse();
        return true;
    } catch (const Error& error) {
        require(!error.reason().empty(), "a refusal has a reason");
        return false;
    }
}

} // namespace sandbox::fuzz
