// SPDX-License-Identifier: Apache-2.0
// A copy by cp(1), and the changes over it.
#include "build/saved_tree.hpp"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "build/apply.hpp"
#include "build/directory.hpp"
#include "linux/tree.hpp"

namespace sandbox {

namespace {

/// cp takes its paths relative to the workspace, and makes the directories above them.
void copy_paths(const std::string& workspace_path, const std::vector<std::string>& paths,
                const std::string& directory) {
    Pipe messages = make_pipe();
    SpawnRequest request;
    request.path = "/usr/bin/env";
    request.arguments = {"env",       "-C", workspace_path, "cp", "-a", "--reflink=auto",
                         "--parents", "-t", directory,      "--"};
    request.arguments.insert(request.arguments.end(), paths.begin(), paths.end());
    request.environment = {"LC_ALL=C", "PATH=/usr/bin:/bin"};
    request.fds = {{messages.write.get(), STDERR_FILENO}};
    const ChildProcess child = spawn(request);
    messages.write.reset();
    const std::string said = read_all(messages.read.get(), "cp", 16 << 20);
    if (wait_for(child) != 0) {
        throw Error("copy of " + printable(workspace_path), printable(trim(said.substr(0, said.find('\n')))));
    }
}

/// Owners aside.
void copy_workspace(const std::string& workspace_path, const std::vector<std::string>& inputs,
                    const std::string& directory) {
    if (inputs.empty()) {
        copy_paths(workspace_path, {"."}, directory);
        return;
    }
    constexpr std::size_t at_once = 1000; // well below what execve(2) takes
    for (std::size_t begin = 0; begin < inputs.size(); begin += at_once) {
        const auto first = inputs.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto last = inputs.size() - begin <= at_once ? inputs.end() : first + at_once;
        copy_paths(workspace_path, {first, last}, directory);
    }
}

std::string object_of(const std::string& directory) {
    return "--keep-failed " + printable(directory);
}

/// Throws where the directory cannot be used. An invalid descriptor: it is not there yet.
UniqueFd open_empty(const std::string& directory) {
    const std::string object = object_of(directory);
    UniqueFd saved{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!saved.valid() && errno != ENOENT) {
        throw_errno(errno, "open", object);
    }
    if (saved.valid() && !is_empty_directory(saved.get(), ".")) {
        throw UsageError(object, "the directory is not empty", "name one that does not exist yet");
    }
    return saved;
}

} // namespace

void require_place_to_save(const std::string& directory, const std::string& workspace_path) {
    const std::string object = object_of(directory);
    const UniqueFd there = open_empty(directory);
    std::string existing = directory;
    while (existing.ends_with('/') && existing.size() > 1) {
        existing.pop_back();
    }
    if (!there.valid()) {
        const std::string above = parent_of(existing);
        existing = !above.empty() ? above : (existing.starts_with('/') ? "/" : ".");
    }
    char resolved[PATH_MAX];
    if (::realpath(existing.c_str(), resolved) == nullptr) {
        throw_errno(errno, "make the directory", object);
    }
    if ((std::string{resolved} + "/").starts_with(workspace_path + "/")) {
        throw UsageError(object, "lies in the workspace, which is to be copied there",
                         "name a directory outside of " + printable(workspace_path));
    }
    if (::access(resolved, W_OK | X_OK) < 0) {
        throw_errno(errno, "write to", object);
    }
}

void save_tree(const BuiltTree& tree, const std::string& workspace_path, const std::string& directory) {
    const std::string object = object_of(directory);
    if (::mkdir(directory.c_str(), 0755) < 0 && errno != EEXIST) {
        throw_errno(errno, "make the directory", object);
    }
    const UniqueFd saved = open_empty(directory);
    check(saved.get(), "open", object);
    copy_workspace(workspace_path, tree.shown.inputs, directory);
    std::vector<Change> changes = read_changes(tree);
    std::erase_if(changes, [](const Change& change) { return change.kind == ChangeKind::special; });
    (void)apply_outputs({tree.upper, saved.get(), tree.shown, tree.checkpoint}, changes);
}

} // namespace sandbox
