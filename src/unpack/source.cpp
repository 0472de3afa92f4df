// SPDX-License-Identifier: Apache-2.0
// Reading the archive's file, and hashing what is in it.
#include "unpack/source.hpp"

#include <openssl/crypto.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "unpack/limits.hpp"

namespace sandbox::unpack {

std::size_t ByteSource::fill(std::span<std::byte> memory) {
    if (rest_.empty()) {
        rest_ = next();
    }
    const std::size_t size = std::min(memory.size(), rest_.size());
    std::copy_n(rest_.begin(), size, memory.begin());
    rest_ = rest_.subspan(size);
    return size;
}

FileSource::FileSource(int fd, OnRead on_read)
    : fd_(fd), on_read_(std::move(on_read)), buffer_(limits::block_bytes) {
    struct stat status {};
    check(::fstat(fd, &status), "look at the archive");
    may_wait_ = !S_ISREG(status.st_mode);
    if (may_wait_) {
        cancelled_ = UniqueFd{check(::eventfd(0, EFD_CLOEXEC), "make an eventfd")};
    }
}

void FileSource::cancel() noexcept {
    if (may_wait_) {
        (void)::eventfd_write(cancelled_.get(), 1); // fails only when it is readable already
    }
}

/// Whoever feeds a pipe may take its time, also when the archive has long been found to be bad.
void FileSource::wait_for_bytes() const {
    pollfd wanted[] = {{fd_, POLLIN, 0}, {cancelled_.get(), POLLIN, 0}};
    while (::poll(wanted, 2, -1) < 0) {
        check(errno == EINTR ? 0 : -1, "wait for the archive");
    }
    if (wanted[1].revents != 0) {
        throw Error("the archive", "is not wanted any more");
    }
}

/// Whole blocks, though a pipe gives less at a time: the first must hold enough to tell the compression.
std::size_t FileSource::read_whole(std::span<std::byte> memory) {
    std::size_t size = 0;
    while (size < memory.size()) {
        if (may_wait_) {
            wait_for_bytes();
        }
        const ssize_t got = ::read(fd_, memory.data() + size, memory.size() - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        check(got, "read the archive");
        if (got == 0) {
            break;
        }
        size += static_cast<std::size_t>(got);
    }
    total_ += size;
    return size;
}

std::span<const std::byte> FileSource::peek() {
    size_ = read_whole(buffer_);
    pending_ = true;
    return {buffer_.data(), size_};
}

std::span<const std::byte> FileSource::next() {
    if (!std::exchange(pending_, false)) {
        size_ = read_whole(buffer_);
    }
    on_read_(total_);
    return {buffer_.data(), size_};
}

std::size_t FileSource::fill(std::span<std::byte> memory) {
    if (pending_) {
        const std::size_t size = std::min(memory.size(), size_ - given_);
        std::memcpy(memory.data(), buffer_.data() + given_, size);
        given_ += size;
        pending_ = given_ < size_;
        return size;
    }
    const std::size_t size = read_whole(memory);
    on_read_(total_);
    return size;
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

} // namespace sandbox::unpack
