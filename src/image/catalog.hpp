// SPDX-License-Identifier: Apache-2.0
// The store's index: names, and the record of each image.
//
// Who holds what (flock(2), which the kernel drops with its holder):
//   ROOT/lock, shared      while something new is being put in: what it counts on is not collected meanwhile
//   ROOT/lock, exclusive   while the collector decides what nothing refers to
//   images/HEX, shared     as long as a sandbox runs that uses the image
//   images/HEX, exclusive  while it is removed
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/image_record.hpp"
#include "base/unique_fd.hpp"
#include "image/store.hpp"

namespace sandbox {

enum class LockKind { shared, exclusive };

/// ROOT/lock. @return an invalid one where it is held by others and `wait` is not set
UniqueFd lock_store(const Store& store, LockKind kind, bool wait);

/// An image that cannot be removed as long as this lives.
struct UsedImage {
    ImageRecord record;
    UniqueFd lock;
};

/// The image of this id, or nothing where it is not (or no longer) there, or its record is not readable.
std::optional<UsedImage> use_image_if_exists(const Store& store, const std::string& id);

/// The id that a name stands for. @param name a canonical one
std::optional<std::string> find_image_name(const Store& store, const std::string& name);

struct NamedImage {
    std::string name;
    std::string id;
};
/// In the order of names.
std::vector<NamedImage> list_image_names(const Store& store);

/// Every record, in no order. @param damaged where it is wanted: those (hex) that cannot be understood
std::vector<ImageRecord> list_images(const Store& store, std::vector<std::string>* damaged = nullptr);

/// Unless it is there. Needs the store's lock, shared, so that no two write it differently.
/// @return whether it was not there
bool put_image_record(const Store& store, const ImageRecord& record);
/// Written whole or not at all, and on the disk when this returns.
void put_image_name(const Store& store, const std::string& name, const std::string& id);

/// Where a layer's tree lies below the store's root: layers/HEX/MAP/root.
std::string tree_path(const std::string& digest, const std::string& map_key);
bool has_tree(const Store& store, const std::string& digest, const std::string& map_key);

/// Names in a directory, without "." ones; none where it does not exist. Throws SystemError where they cannot
/// be read.
std::vector<std::string> entries_of(int parent, const std::string& name);

} // namespace sandbox
