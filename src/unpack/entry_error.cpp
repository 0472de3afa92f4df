// SPDX-License-Identifier: Apache-2.0
// Failed calls on an archive's entries, in the user's words where the cause is known.
#include "unpack/entry_error.hpp"

#include "base/error.hpp"
#include "unpack/entry_path.hpp"

namespace sandbox::unpack {

void throw_entry_error(int code, std::string_view action, const std::string& path) {
    switch (code) {
        case ENOSPC:
        case EDQUOT:
            throw UsageError(shorten(path),
                             code == ENOSPC ? "no space left on device" : "disk quota exceeded",
                             "free some space, or put the store on a larger disk with --root DIR");
        case ELOOP:
            throw UsageError(shorten(path),
                             "the archive's entry lies below a symbolic link of the same archive");
        case ENOTDIR:
            throw UsageError(shorten(path), "the archive's entry lies below one that is not a directory");
        default:
            throw SystemError(code, action, shorten(path));
    }
}

} // namespace sandbox::unpack
