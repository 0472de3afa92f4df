// SPDX-License-Identifier: Apache-2.0
// A copy by cp(1), and the changes over it.
#include "build/saved_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

} // namespace

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

void save_tree(const BuiltTree& tree, const std::string& workspace_path,
               const std::vector<std::string>& inputs, const std::string& directory) {
    const std::string object = "--keep-failed " + printable(directory);
    if (::mkdir(directory.c_str(), 0755) < 0 && errno != EEXIST) {
        throw_errno(errno, "make the directory", object);
    }
    const UniqueFd saved{
        check(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", object)};
    if (!is_empty_directory(saved.get(), ".")) {
        throw UsageError(object, "the directory is not empty", "name one that does not exist yet");
    }
    copy_workspace(workspace_path, inputs, directory);
    std::vector<Change> changes = read_changes(tree.upper, tree.workspace);
    std::erase_if(changes, [](const Change& change) { return change.kind == ChangeKind::special; });
    (void)apply_outputs({tree.upper, saved.get()}, changes);
}

} // namespace sandbox
