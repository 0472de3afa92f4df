// SPDX-License-Identifier: Apache-2.0
// What an archive may ask for at most. All memory that grows with an archive's content is bounded here.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>

namespace sandbox::unpack::limits {

/// Entries in one archive, skipped ones included. The largest distribution images have under a million.
constexpr std::uint64_t entries = 5'000'000;

/// Bytes of an entry's name once cleaned, and of a symbolic link's target: what one system call takes,
/// without the final NUL. path_resolution(7).
constexpr std::size_t path_bytes = PATH_MAX - 1;

/// Bytes of one component of a name.
constexpr std::size_t component_bytes = NAME_MAX;

/// Components of a name. Real trees stay below 40; the tree must also be walked and removed again.
constexpr std::size_t depth = 512;

/// Directories whose times are set at the end, and the bytes of their names together: the only list that
/// grows with the archive (about 100 bytes for each, besides its name).
constexpr std::size_t directories = 2'000'000;
constexpr std::size_t directory_name_bytes = std::size_t{256} << 20;

/// Bytes of one extended attribute's value: XATTR_SIZE_MAX in linux/limits.h.
constexpr std::size_t attribute_bytes = 65536;

/// Bytes of zeros in one piece that are not written, but left as a hole.
constexpr std::size_t hole_bytes = 4096;

/// Stretches of data in a sparse file that an export tells apart; what follows is written with its holes as
/// zeros.
constexpr std::size_t sparse_ranges = 65536;

/// A file whose content is handed to another thread as a whole; of these so many, and bytes of content, at a
/// time.
constexpr std::size_t small_file_bytes = std::size_t{512} << 10;
constexpr std::size_t small_files = 64;
constexpr std::size_t small_files_bytes = std::size_t{4} << 20;

/// Layers of an image that are unpacked at the same time, where there are as many processors: each has a
/// decoder with a window of its own, and about 10 MiB of blocks.
constexpr std::size_t layers_at_once = 4;

/// Layers of one export: more than any overlay has. fs/overlayfs/params.h, OVL_MAX_STACK.
constexpr unsigned layers = 512;

/// What liblzma may take: xz -9 in one thread, and several threads with blocks of their own besides. lzma_mt,
/// lzma/container.h.
constexpr std::uint64_t xz_bytes = std::uint64_t{256} << 20;
constexpr std::uint64_t xz_threads_bytes = std::uint64_t{192} << 20;

/// Bytes of address space. xz -9 takes 65 MiB, zstd --long=27 takes 128 MiB, the directory list at its limits
/// some 500 MiB.
constexpr unsigned long long address_space = 1ULL << 30;

/// Of each thread besides the first.
constexpr std::size_t thread_stack_bytes = std::size_t{2} << 20;

/// Bytes read or inflated at a time.
constexpr std::size_t block_bytes = std::size_t{256} << 10;

} // namespace sandbox::unpack::limits
