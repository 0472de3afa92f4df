// SPDX-License-Identifier: Apache-2.0
// A directory as a tar.
#include "image/directory_tar.hpp"

#include <poll.h>
#include <unistd.h>

#include <exception>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "image/export.hpp"
#include "image/image.hpp"

namespace sandbox {

namespace {

/// The exporter's process: its failure as three texts, each ended by a NUL.
int export_directory(const std::string& name, const std::string& path, const Mapping& mapping, int tar,
                     int complaint, const Log& log) {
    std::string text;
    try {
        export_layers(name, {path}, mapping, tar, log);
        return 0;
    } catch (const Error& error) {
        for (const std::string* part : {&error.object(), &error.reason(), &error.hint()}) {
            text += *part + '\0';
        }
    } catch (const Interrupted&) {
        return 1; // as the importer is, which tells
    }
    write_all(complaint, text, "a pipe");
    return 1;
}

} // namespace

DirectoryTar::DirectoryTar(const std::string& name, const std::string& path, const Mapping& mapping,
                           const Log& log)
    : tar_(make_pipe()), complaint_(make_pipe()) {
    child_.pid = check(::fork(), "start", "a process");
    if (child_.pid == 0) {
        tar_.read.reset();
        complaint_.read.reset();
        int status = 1;
        try {
            status = export_directory(name, path, mapping, tar_.write.get(), complaint_.write.get(), log);
        } catch (const std::exception&) {
            status = 1;
        }
        ::_exit(status);
    }
    tar_.write.reset();
    complaint_.write.reset();
}

DirectoryTar::~DirectoryTar() {
    tar_.read.reset();
    if (child_.pid > 0) {
        try {
            (void)wait_for(child_);
        } catch (const Error&) {
            return; // nothing is left to wait for
        }
    }
}

void DirectoryTar::rethrow_failure() {
    // The complaint comes before the tar's early end: the exporter's process holds the pipe until it exits.
    pollfd wanted{complaint_.read.get(), POLLIN, 0};
    if (::poll(&wanted, 1, 0) == 1 && (wanted.revents & POLLIN) != 0) {
        finish();
    }
}

void DirectoryTar::finish() {
    tar_.read.reset();
    const std::string said = read_all(complaint_.read.get(), "the exporter", 1 << 16);
    const int status = wait_for(child_);
    child_.pid = 0;
    const auto parts = split(said, '\0');
    if (status != 0 && parts.size() >= 3) {
        throw Error(parts[0], parts[1], parts[2]);
    }
}

} // namespace sandbox
