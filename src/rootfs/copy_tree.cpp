// SPDX-License-Identifier: Apache-2.0
// An image's layers copied into one tree, for hosts where no overlay works: from the lowest on, each first
// takes away what it hides, then cp(1) puts its own files there.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "idmap/mapped_process.hpp"
#include "linux/tree.hpp"
#include "rootfs/run_directory.hpp"

namespace sandbox {

namespace {

struct CloseDir {
    void operator()(DIR* stream) const noexcept { (void)::closedir(stream); }
};

UniqueFd open_directory(int parent, const char* name) {
    return UniqueFd{
        check(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open", name)};
}

/// Calls `visit` with each entry's name and status.
template <typename Visit>
void for_each_entry(int directory, const Visit& visit) {
    UniqueFd own = open_directory(directory, ".");
    const std::unique_ptr<DIR, CloseDir> stream{::fdopendir(own.get())};
    if (!stream) {
        throw_errno(errno, "read", "a directory of the image");
    }
    (void)own.release(); // the stream owns it now
    while (const dirent* entry = ::readdir(stream.get())) {
        struct stat status {};
        if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) {
            check(::fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW), "look at",
                  entry->d_name);
            visit(entry->d_name, status);
        }
    }
}

bool is_whiteout(const struct stat& status) {
    return S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

/// Takes out of `target` what `layer` hides: whited out, below an opaque directory, or of another kind.
void remove_hidden(int layer, int target) {
    char opaque = 0;
    if (::fgetxattr(layer, "user.overlay.opaque", &opaque, 1) == 1 && opaque == 'y') {
        remove_tree_content(target, "an opaque directory");
        return;
    }
    for_each_entry(layer, [&](const char* name, const struct stat& status) {
        struct stat there {};
        if (::fstatat(target, name, &there, AT_SYMLINK_NOFOLLOW) < 0) {
            return;
        }
        if (S_ISDIR(status.st_mode) && S_ISDIR(there.st_mode)) {
            remove_hidden(open_directory(layer, name).get(), open_directory(target, name).get());
        } else if (is_whiteout(status) || S_ISDIR(status.st_mode) || S_ISDIR(there.st_mode)) {
            remove_tree(target, name);
        }
    });
}

void remove_whiteouts(int directory) {
    for_each_entry(directory, [&](const char* name, const struct stat& status) {
        if (S_ISDIR(status.st_mode)) {
            remove_whiteouts(open_directory(directory, name).get());
        } else if (is_whiteout(status)) {
            check(::unlinkat(directory, name, 0), "remove the whiteout", name);
        }
    });
}

/// Does `work` as id 0 of the map's user namespace, which alone may touch what sub-ids own.
template <typename Work>
void do_mapped(const Mapping& mapping, const std::string& layer, const Work& work) {
    const ChildProcess child = run_mapped(mapping, [&] {
        work();
        return 0;
    });
    if (wait_for(child) != 0) {
        throw Error(layer, "cannot be copied", "--storage overlay or fuse needs no copy");
    }
}

void copy_layer(const std::string& layer, const std::string& target, const Mapping& mapping) {
    Pipe messages = make_pipe();
    SpawnRequest request;
    request.path = "/bin/cp";
    request.arguments = {"cp", "-a", "--reflink=auto", "--", layer + "/.", target};
    request.environment = {"LC_ALL=C"};
    request.fds = {{messages.write.get(), 2}};
    const ChildProcess child = spawn_mapped(request, mapping);
    messages.write.reset();
    const std::string said = read_all(messages.read.get(), request.path, 16 << 20);
    if (wait_for(child) != 0) {
        throw Error(layer, "cannot be copied: " + printable(trim(said.substr(0, said.find('\n')))),
                    "--storage overlay or fuse needs no copy");
    }
}

} // namespace

void copy_tree(const std::vector<std::string>& layers, const RunDirectory& directory,
               const Mapping& mapping) {
    const std::string target = directory.path() + "/copy";
    do_mapped(mapping, layers.back(), [&] { check(::mkdir(target.c_str(), 0755), "make", target); });
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
        if (layers.size() > 1) {
            do_mapped(mapping, *layer, [&] {
                remove_hidden(open_directory(AT_FDCWD, layer->c_str()).get(),
                              open_directory(AT_FDCWD, target.c_str()).get());
            });
        }
        copy_layer(*layer, target, mapping);
    }
    if (layers.size() > 1) {
        do_mapped(mapping, layers.back(),
                  [&] { remove_whiteouts(open_directory(AT_FDCWD, target.c_str()).get()); });
    }
}

} // namespace sandbox
