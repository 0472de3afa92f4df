// SPDX-License-Identifier: Apache-2.0
// A printer of JSON (RFC 8259). The start path needs no parser, so it links none.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sandbox {

/// Builds one JSON text. Calls follow the document's order; the caller opens and closes each level.
///   JsonWriter json;
///   json.begin_object().key("name").value("eth0").end_object();
class JsonWriter {
  public:
    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }
    JsonWriter& key(std::string_view name);
    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view{text}); }
    JsonWriter& value(std::int64_t number);
    JsonWriter& value(std::uint64_t number);
    JsonWriter& value(bool truth);
    JsonWriter& value(std::chrono::microseconds duration); ///< seconds, as 1.500000; never below 0

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

  private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();
    void quote(std::string_view text);

    std::string text_;
    std::vector<bool> has_items_;
    bool after_key_ = false;
};

} // namespace sandbox
