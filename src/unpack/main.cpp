// SPDX-License-Identifier: Apache-2.0
// sandbox-unpack: unpacks an archive that a stranger made. Run by sandbox only.
//
//   sandbox-unpack import DIR    fd 0: the archive, or an OCI layout's directory
//                                fd 3: the report pipe (base/unpack_report.hpp)
#include <locale.h>
#include <sys/utsname.h>

#include <new>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "unpack/confine.hpp"
#include "unpack/id_map.hpp"
#include "unpack/import.hpp"
#include "unpack/report.hpp"
#include "unpack/source.hpp"

namespace sandbox::unpack {
namespace {

/// In the C locale libarchive fails on UTF-8 names in pax headers. The locale's files are on the host's root.
void set_utf8_locale() {
    if (::setlocale(LC_CTYPE, "C.UTF-8") == nullptr && ::setlocale(LC_CTYPE, "C.utf8") == nullptr) {
        throw Error("C.UTF-8", "this locale is missing", "install it (it comes with the C library)");
    }
}

UnpackDone import_into(const std::string& directory, Report& report) {
    // What needs the host's files comes first.
    set_utf8_locale();
    Sha256 hash;
    struct utsname host {};
    check(::uname(&host), "ask for", "this machine's kind");
    const Surroundings surroundings{read_id_maps(), host.machine};
    confine(directory);

    // From here on nothing outside the directory can be reached; only now is the archive read.
    return import_image(archive_fd, hash, surroundings, report);
}

int run(const std::string& directory) {
    Report report{report_fd};
    try {
        report.done(import_into(directory, report));
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
    if (argc != 3 || std::string_view{argv[1]} != "import") {
        write_all(STDERR_FILENO, "sandbox-unpack: usage: sandbox-unpack import DIR (run by sandbox)\n",
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
