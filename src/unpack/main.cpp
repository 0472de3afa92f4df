// SPDX-License-Identifier: Apache-2.0
// sandbox-unpack: unpacks an archive that a stranger made, and packs trees into one. Run by sandbox only.
//
//   sandbox-unpack import DIR    fd 0: the archive, or an OCI layout's directory
//   sandbox-unpack share DIR     the same, with modes that let every user of the host read the files
//                                fd 3: the report pipe (base/unpack_report.hpp)
//   sandbox-unpack export N      fd 1: the new tar     fd 3: the same
//                                from fd 4 on: N layers, uppermost first
#include <locale.h>
#include <sys/utsname.h>

#include <functional>
#include <new>
#include <numeric>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "unpack/confine.hpp"
#include "unpack/export.hpp"
#include "unpack/id_map.hpp"
#include "unpack/import.hpp"
#include "unpack/limits.hpp"
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

UnpackDone import_into(const std::string& directory, bool for_everyone, Report& report) {
    // What needs the host's files comes first.
    set_utf8_locale();
    Sha256 hash;
    struct utsname host {};
    check(::uname(&host), "ask for", "this machine's kind");
    Surroundings surroundings{read_id_maps(), host.machine};
    surroundings.ids.for_everyone = for_everyone;
    confine(directory);

    // From here on nothing outside the directory can be reached; only now is the archive read.
    return import_image(archive_fd, hash, surroundings, report);
}

UnpackDone export_from(int count) {
    std::vector<int> layers(static_cast<std::size_t>(count));
    std::iota(layers.begin(), layers.end(), first_layer_fd);
    Sha256 before_the_walls; // libcrypto makes itself ready with the host's files at hand
    confine_export(layers);
    const ExportSummary summary = export_layers(layers, STDOUT_FILENO);
    return {summary.digest, summary.entries, 0, summary.bytes};
}

int run(const std::function<UnpackDone(Report&)>& work) {
    Report report{report_fd};
    try {
        report.done(work(report));
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
    const std::string_view mode = argc == 3 ? argv[1] : "";
    if (mode == "import" || mode == "share") {
        keep_only_own_descriptors();
        return run([&](Report& report) { return import_into(argv[2], mode == "share", report); });
    }
    const auto layers = mode == "export" ? parse_number(argv[2], limits::layers) : std::nullopt;
    if (layers && *layers > 0) {
        keep_export_descriptors(static_cast<int>(*layers));
        return run([&](Report&) { return export_from(static_cast<int>(*layers)); });
    }
    write_all(STDERR_FILENO,
              "sandbox-unpack: usage: sandbox-unpack import|share DIR, or export N (run by sandbox)\n",
              "stderr");
    return 1;
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
