// SPDX-License-Identifier: Apache-2.0
// Formats failures; errno has been saved by the caller before anything here allocates.
#include "base/error.hpp"

#include <cstring>

namespace sandbox {

namespace {

std::string join_message(std::string_view object, std::string_view reason) {
    std::string text{object};
    if (!text.empty()) {
        text += ": ";
    }
    text += reason;
    return text;
}

std::string cannot(int code, std::string_view action) {
    std::string text = "cannot ";
    text += action;
    text += ": ";
    text += error_text(code);
    return text;
}

} // namespace

Error::Error(std::string_view object, std::string_view reason, std::string_view hint)
    : std::runtime_error(join_message(object, reason)), object_(object), reason_(reason), hint_(hint) {}

SystemError::SystemError(int code, std::string_view action, std::string_view object, std::string_view hint)
    : Error(object, cannot(code, action), hint), code_(code) {}

std::string error_text(int code) {
    char buffer[128];
    return ::strerror_r(code, buffer, sizeof buffer);
}

void throw_errno(int code, std::string_view action, std::string_view object) {
    throw SystemError(code, action, object);
}

} // namespace sandbox
