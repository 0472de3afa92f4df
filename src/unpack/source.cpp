// SPDX-License-Identifier: Apache-2.0
// Reading the archive's file, and hashing the tar in it.
#include "unpack/source.hpp"

#include <openssl/crypto.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/error.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

FileSource::FileSource(int fd, OnRead on_read)
    : fd_(fd), on_read_(std::move(on_read)), buffer_(limits::block_bytes) {}

void FileSource::fill() {
    size_ = 0;
    // Whole blocks, though a pipe gives less at a time: the first must hold enough to tell the compression.
    while (size_ < buffer_.size()) {
        const ssize_t got = ::read(fd_, buffer_.data() + size_, buffer_.size() - size_);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        check(got, "read the archive");
        if (got == 0) {
            break;
        }
        size_ += static_cast<std::size_t>(got);
    }
    total_ += size_;
}

std::span<const std::byte> FileSource::peek() {
    fill();
    pending_ = true;
    return {buffer_.data(), size_};
}

std::span<const std::byte> FileSource::next() {
    if (!std::exchange(pending_, false)) {
        fill();
    }
    on_read_(total_);
    return {buffer_.data(), size_};
}

Sha256::Sha256() {
    const bool ready =
        ::OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr) == 1;
    context_.reset(::EVP_MD_CTX_new());
    if (!ready || !context_ || ::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr) != 1) {
        throw Error("libcrypto", "has no SHA-256");
    }
}

void Sha256::update(std::span<const std::byte> bytes) {
    if (::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) {
        throw Error("libcrypto", "cannot go on with SHA-256");
    }
}

std::string Sha256::finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (::EVP_DigestFinal_ex(context_.get(), digest, &size) != 1) {
        throw Error("libcrypto", "cannot finish SHA-256");
    }
    const char* const digits = "0123456789abcdef";
    std::string text = "sha256:";
    for (unsigned i = 0; i < size; ++i) {
        text += digits[digest[i] >> 4];
        text += digits[digest[i] & 15];
    }
    return text;
}

std::span<const std::byte> TarStream::next() {
    const std::span<const std::byte> bytes = source_.next();
    hash_.update(bytes);
    total_ += bytes.size();
    remember_tail(bytes);
    return bytes;
}

void TarStream::drain() {
    while (!next().empty()) {
    }
}

void TarStream::remember_tail(std::span<const std::byte> bytes) noexcept {
    const std::span<const std::byte> end = bytes.last(std::min(bytes.size(), record));
    const std::size_t kept = std::min(tail_size_, record - end.size());
    std::memmove(tail_.data(), tail_.data() + tail_size_ - kept, kept);
    std::copy(end.begin(), end.end(), tail_.begin() + static_cast<std::ptrdiff_t>(kept));
    tail_size_ = kept + end.size();
}

bool TarStream::ends_in_zeros() const noexcept {
    return tail_size_ == record &&
           std::all_of(tail_.begin(), tail_.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

} // namespace sandbox::unpack
