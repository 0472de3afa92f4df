// SPDX-License-Identifier: Apache-2.0
// Trees by kind of map: a layer that was unpacked for one kind of id map is copied, with other owners, for
// another the first time a sandbox wants that. Private to this room.
#pragma once

#include <string>

#include "base/log.hpp"
#include "idmap/mapping.hpp"
#include "image/store.hpp"

namespace sandbox {

/// Makes layers/HEX/MAP for `mapping` out of the layer's tree of another kind. True owners come from the ids
/// there, or where a single id was mapped from owner_attribute. The caller holds the store's lock, shared.
/// @param request what `mapping` was made for
/// @param shared another store that is looked into as well, or null
/// @return false where no tree is there that could be read with the caller's ids. Throws Error where the copy
/// fails.
bool make_tree_of_kind(const Store& store, const std::string& digest, const MappingRequest& request,
                       const Mapping& mapping, const Log& log, const Store* shared = nullptr);

} // namespace sandbox
