// SPDX-License-Identifier: Apache-2.0
// Archives in every compression, unpacked into a directory that is emptied after each: nothing but an Error,
// and nothing outside. Without the walls of the program: run it where nothing can be lost, in a directory of
// a tmpfs.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>

#include "base/unique_fd.hpp"
#include "linux/tree.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "unpack/decompress.hpp"
#include "unpack/extract.hpp"
#include "unpack/tree_writer.hpp"

using namespace sandbox;
using fuzz::require;

namespace {

/// $TMPDIR/fuzz-unpack.XXXXXX with "tree" in it, and beside that nothing.
class Scratch {
  public:
    Scratch() {
        const char* base = std::getenv("TMPDIR");
        path_ = std::string{base != nullptr ? base : "/dev/shm"} + "/fuzz-unpack.XXXXXX";
        require(::mkdtemp(path_.data()) != nullptr, "there is a place to unpack to");
        directory_ = UniqueFd{::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        require(::mkdirat(directory_.get(), "tree", 0700) == 0, "a directory can be made");
        (void)::umask(0);
        (void)std::setlocale(LC_CTYPE, "C.UTF-8");
    }
    ~Scratch() {
        remove_tree_content(directory_.get(), path_);
        (void)::rmdir(path_.c_str()); // an empty directory in a tmpfs is no loss
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    [[nodiscard]] UniqueFd tree() const {
        return UniqueFd{::openat(directory_.get(), "tree", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    }

    void empty() {
        (void)::fchmodat(directory_.get(), "tree", 0700, 0);
        const UniqueFd tree{
            ::openat(directory_.get(), "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        require(tree.valid(), "the tree is a directory still");
        remove_tree_content(tree.get(), "tree");
        require(::unlinkat(directory_.get(), "tree", AT_REMOVEDIR) == 0 &&
                    is_empty_directory(directory_.get(), "."),
                "nothing was made beside the tree");
        require(::mkdirat(directory_.get(), "tree", 0700) == 0, "a directory can be made");
    }

  private:
    std::string path_;
    UniqueFd directory_;
};

void unpack_from(int file, UniqueFd root) {
    const unpack::IdMaps ids{unpack::IdMap::parse("0 0 1"), unpack::IdMap::parse("0 0 1")};
    unpack::TreeWriter tree{std::move(root), false};
    unpack::FileSource source{file, [](std::uint64_t) {}};
    const auto bytes = unpack::open_decompressed(source);
    unpack::Sha256 hash;
    unpack::TarStream tar{*bytes, hash};
    (void)unpack::extract(tar, tree, ids, nullptr);
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Scratch scratch;
    const UniqueFd file{::memfd_create("archive", MFD_CLOEXEC)};
    require(::write(file.get(), data, size) == static_cast<ssize_t>(size) &&
                ::lseek(file.get(), 0, SEEK_SET) == 0,
            "the input fits in memory");
    try {
        (void)fuzz::is_taken([&] { unpack_from(file.get(), scratch.tree()); });
    } catch (const std::bad_alloc&) {
        // an answer too: the program says that the archive asks for too much
    }
    scratch.empty();
    return 0;
}
