// SPDX-License-Identifier: Apache-2.0
// Hashes by libcrypto.
#include "aid/hashes.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "linux/own_file.hpp"

namespace sandbox::aid {

namespace {

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

std::string hash_file(EVP_MD_CTX* context, int file, std::vector<unsigned char>& buffer) {
    if (EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1) {
        throw Error("sandbox-aid", "libcrypto has no SHA-256");
    }
    ssize_t got = 0;
    while ((got = check(::read(file, buffer.data(), buffer.size()), "read", "a file")) > 0) {
        (void)EVP_DigestUpdate(context, buffer.data(), static_cast<std::size_t>(got)); // fails for no input
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    (void)EVP_DigestFinal_ex(context, digest, &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
        text += "0123456789abcdef"[digest[i] >> 4U];
        text += "0123456789abcdef"[digest[i] & 15U];
    }
    return text;
}

} // namespace

std::string hash_files(int directory, const std::string& names) {
    const std::unique_ptr<EVP_MD_CTX, FreeContext> context{EVP_MD_CTX_new()};
    if (!context) {
        throw Error("sandbox-aid", "out of memory");
    }
    std::vector<unsigned char> buffer(1 << 17);
    std::string lines;
    for (std::size_t begin = 0; begin < names.size();) {
        const std::string name = names.c_str() + begin;
        begin += name.size() + 1;
        const UniqueFd file = open_own_file(directory, name);
        lines += hash_file(context.get(), file.get(), buffer) + "\n";
    }
    return lines;
}

} // namespace sandbox::aid
