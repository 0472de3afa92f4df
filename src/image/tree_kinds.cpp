// SPDX-License-Identifier: Apache-2.0
// Trees by kind of map.
#include "image/tree_kinds.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "idmap/mapped_process.hpp"
#include "image/catalog.hpp"
#include "image/image.hpp"
#include "image/import.hpp"
#include "image/owner_change.hpp"

namespace sandbox {

namespace {

/// A tree that is there, and the map that it was made with.
struct Source {
    Mapping mapping;
    std::string path;
    bool for_everyone = false; ///< a shared store's: its owner and modes are nothing of the image's
};

/// @param full the whole range, id 0 being the caller
std::optional<Source> find_source(const Store& store, const std::string& digest, const Mapping& full) {
    for (const MapKind kind : {MapKind::root_is_you, MapKind::keep_id, MapKind::single_root}) {
        auto mapping = mapping_of_kind(full, kind);
        if (mapping && has_tree(store, digest, mapping->key)) {
            std::string path = store.path() + "/" + tree_path(digest, mapping->key);
            return Source{*std::move(mapping), std::move(path)};
        }
    }
    return std::nullopt;
}

std::optional<Source> find_shared_source(const Store& shared, const std::string& digest,
                                         const Mapping& full) {
    if (!shared.is_shared()) {
        return find_source(shared, digest, full);
    }
    auto mapping = mapping_of_kind(full, MapKind::single_root);
    if (!mapping || !has_tree(shared, digest, shared_map_key)) {
        return std::nullopt;
    }
    return Source{*std::move(mapping), shared.path() + "/" + tree_path(digest, shared_map_key), true};
}

/// An id through two maps: inside of one, outside, inside of the other. What is mapped in neither stays as it
/// is.
std::uint32_t translate(std::uint32_t id, const IdMap& from, const IdMap& to) {
    return inside_id(to, outside_id(from, id).value_or(id)).value_or(id);
}

FileOwner translate(const FileOwner& owner, const IdMaps& from, const IdMaps& to) {
    return {translate(owner.uid, from.uid, to.uid), translate(owner.gid, from.gid, to.gid), owner.mode};
}

void copy_files(const Source& source, const std::string& to, const Mapping& full) {
    const std::string& from = source.path;
    Pipe messages = make_pipe();
    SpawnRequest request;
    request.path = "/bin/cp";
    request.arguments = {"cp", "-a", "--reflink=auto", "--", from, to};
    if (source.for_everyone) { // its owner may be no id of this map
        request.arguments.insert(request.arguments.begin() + 2, "--no-preserve=ownership");
    }
    request.environment = {"LC_ALL=C"};
    request.fds = {{messages.write.get(), 2}};
    const ChildProcess child = spawn_mapped(request, full);
    messages.write.reset();
    const std::string said = read_all(messages.read.get(), request.path, 16 << 20);
    if (wait_for(child) != 0) {
        throw Error(
            from, "cannot be copied for another id map: " + printable(trim(said.substr(0, said.find('\n')))));
    }
}

void convert(const Store& store, const std::string& digest, const Source& source, const Mapping& full,
             const Mapping& wanted) {
    const std::string hex{hex_of(digest)};
    ImportDirectory directory{store, full};
    const UniqueFd layer = store.open_directory(directory.fd(), hex);
    const std::string tree = directory.path() + "/" + hex + "/root";
    copy_files(source, tree, full);
    OwnerChange change;
    change.from_attribute = source.mapping.maps.is_single();
    change.to_attribute = wanted.maps.is_single();
    // As id 0 of `full` a tree of another kind shows other ids than the image's own.
    change.truth = [&](const FileOwner& owner) {
        const auto inside = [](std::uint32_t id, const IdMap& seen, const IdMap& made) {
            return translate(id, seen, made);
        };
        return FileOwner{inside(owner.uid, full.maps.uid, source.mapping.maps.uid),
                         inside(owner.gid, full.maps.gid, source.mapping.maps.gid), owner.mode};
    };
    change.change = [&](const FileOwner& owner) { return translate(owner, wanted.maps, full.maps); };
    const ChildProcess child = run_mapped(full, [&] {
        const UniqueFd root{
            check(::open(tree.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open", tree)};
        change_owners(root.get(), change);
        return 0;
    });
    if (wait_for(child) != 0) {
        throw Error(source.path, "its owners cannot be changed for another id map");
    }
    // A tree in its place is trusted for ever, so after a power failure it must be whole.
    sync_store(store);
    directory.move_layer(digest, wanted.key);
}

} // namespace

bool make_tree_of_kind(const Store& store, const std::string& digest, const MappingRequest& request,
                       const Mapping& mapping, const Log& log, const Store* shared) {
    const auto make = [&](const Mapping& full) {
        auto source = find_source(store, digest, full);
        if (!source && shared != nullptr) {
            source = find_shared_source(*shared, digest, full);
        }
        if (!source || (full.maps.is_single() && !source->for_everyone)) {
            return false;
        }
        log.debug("copying " + source->path + " for " + mapping.key);
        convert(store, digest, *source, full, mapping);
        return true;
    };
    if (!mapping.maps.is_single()) {
        const auto full = mapping_of_kind(mapping, MapKind::root_is_you);
        return full && make(*full);
    }
    // Who wanted one id has not looked for more. Doing so may move the process into the domain: not this one.
    constexpr int made = 0;
    constexpr int nothing_there = 3;
    const pid_t child = check(::fork(), "start", "a process");
    if (child == 0) {
        int status = 1;
        try {
            MappingRequest whole = request;
            whole.kind = MapKind::root_is_you;
            status = make(prepare_mapping(whole, Log{LogLevel::error})) ? made : nothing_there;
        } catch (const std::exception&) {
            status = 1;
        }
        ::_exit(status);
    }
    const int status = shell_status(wait_for(ChildProcess{child, {}}));
    if (status != made && status != nothing_there) {
        throw Error("layer " + digest, "its tree cannot be copied for a single-id map");
    }
    return status == made;
}

} // namespace sandbox
