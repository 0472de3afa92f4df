// SPDX-License-Identifier: Apache-2.0
// sandbox-unpack: unpacks a root-filesystem tar that a stranger made. Run by sandbox only.
//
//   sandbox-unpack extract DIR    fd 0: the archive    fd 3: the report pipe (base/unpack_report.hpp)
#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include <new>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "unpack/confine.hpp"
#include "unpack/extract.hpp"
#include "unpack/id_map.hpp"
#include "unpack/report.hpp"
#include "unpack/root_check.hpp"
#include "unpack/source.hpp"
#include "unpack/tree_writer.hpp"

namespace sandbox::unpack {
namespace {

/// In the C locale libarchive fails on UTF-8 names in pax headers. The locale's files are on the host's root.
void set_utf8_locale() {
    if (::setlocale(LC_CTYPE, "C.UTF-8") == nullptr && ::setlocale(LC_CTYPE, "C.utf8") == nullptr) {
        throw Error("C.UTF-8", "this locale is missing", "install it (it comes with the C library)");
    }
}

UnpackDone extract_into(const std::string& directory, Report& report) {
    // What needs the host's files comes first.
    set_utf8_locale();
    Sha256 hash;
    const IdMaps ids = read_id_maps();
    confine(directory);

    // From here on nothing outside the directory can be reached; only now is the archive read.
    UniqueFd root{check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", "/")};
    TreeWriter tree{UniqueFd{check(::fcntl(root.get(), F_DUPFD_CLOEXEC, 0), "duplicate", "/")},
                    !ids.single()};
    FileSource file{archive_fd, [&report](std::uint64_t total) { report.progress(total); }};
    const std::unique_ptr<ByteSource> bytes = open_decompressed(file);
    TarStream tar{*bytes, hash};
    const ExtractSummary summary = extract(tar, tree, ids);

    check_root_filesystem(root.get());
    return {hash.finish(), summary.entries, summary.devices, tar.total()};
}

int run(const std::string& directory) {
    Report report{report_fd};
    try {
        report.done(extract_into(directory, report));
        return 0;
    } catch (const Error& error) {
        report.failed({error.object(), error.reason(), error.hint()});
    } catch (const std::bad_alloc&) {
        report.failed({{}, "the archive asks for more memory than the unpacker may use", {}});
    } catch (const std::exception& error) {
        report.failed({{}, error.what(), {}});
    }
    return 1;
}

int start(int argc, char** argv) {
    if (argc != 3 || std::string_view{argv[1]} != "extract") {
        write_all(STDERR_FILENO, "sandbox-unpack: usage: sandbox-unpack extract DIR (run by sandbox)\n",
                  "stderr");
        return 1;
    }
    keep_only_own_descriptors();
    return run(argv[2]);
}

} // namespace
} // namespace sandbox::unpack

int main(int argc, char** argv) {
    try {
        return sandbox::unpack::start(argc, argv);
    } catch (const std::exception&) {
        return 1; // without descriptors there is nobody to tell
    }
}
