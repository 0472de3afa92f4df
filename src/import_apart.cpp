// SPDX-License-Identifier: Apache-2.0
// An import in a child, whose failure comes back over a pipe.
#include "import_apart.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"

namespace sandbox {

namespace {

constexpr int status_told = 1; ///< OBJECT, REASON and HINT are in the pipe, a NUL behind each

int import_here(Image& image, const Store& store, const MappingRequest& request, const Log& log,
                int failures) {
    try {
        const Mapping mapping = prepare_mapping(request, log);
        provide_tree(image, store, {request, mapping_for_trees(request, mapping), true}, log);
        return 0;
    } catch (const Interrupted& interrupted) {
        return 128 + interrupted.signal;
    } catch (const Error& error) {
        std::string text;
        for (const std::string& part : {error.object(), error.reason(), error.hint()}) {
            text += part + '\0';
        }
        write_all(failures, text, "a pipe");
        return status_told;
    }
}

} // namespace

void import_apart(Image& image, const Store& store, const MappingRequest& request, const Log& log) {
    Pipe failures = make_pipe();
    const pid_t pid = check(::fork(), "start", "the import");
    if (pid == 0) {
        failures.read.reset();
        int status = 125;
        try {
            status = import_here(image, store, request, log, failures.write.get());
        } catch (const std::exception&) {
            status = 125; // not even the failure could be told
        }
        ::_exit(status);
    }
    failures.write.reset();
    const std::string text = read_all(failures.read.get(), "the import");
    const int status = shell_status(wait_for({pid, UniqueFd{}}));
    if (status == 0) {
        return;
    }
    if (status > 128) {
        throw Interrupted{status - 128};
    }
    const auto parts = split(text, '\0');
    if (status != status_told || parts.size() < 3) {
        throw Error(image.name, "the import ended with status " + std::to_string(status));
    }
    throw Error(parts[0], parts[1], parts[2]);
}

} // namespace sandbox
