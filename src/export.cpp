// SPDX-License-Identifier: Apache-2.0
// `sandbox export`: the image as `run` would find it, then a tar of it, in place only when it is whole.
#include "export.hpp"

#include <unistd.h>

#include <optional>

#include "base/error.hpp"
#include "host/host_facts.hpp"
#include "idmap/mapping.hpp"
#include "image/export.hpp"
#include "image/image.hpp"
#include "image/store.hpp"
#include "output_file.hpp"
#include "start.hpp"

namespace sandbox {

namespace {

std::string variable(const Environment& environment, const char* name) {
    const std::string* value = environment.find(name);
    return value != nullptr ? *value : "";
}

void refuse_terminal(int output) {
    if (::isatty(output) == 1) {
        throw UsageError("export", "a tar is nothing for a terminal",
                         "name a file with -o FILE, or send stdout to one");
    }
}

} // namespace

int export_image(const Invocation& invocation, const Environment& caller) {
    const Log log{invocation.log_level};
    const HostFacts host = look_at_host(variable(caller, "HOME"));
    const std::string store_path = store_path_of(invocation, caller, host.home);
    std::optional<Store> store;
    if (::access(store_path.c_str(), F_OK) == 0) {
        store.emplace(store_path);
    }
    const std::optional<Store> shared = open_shared_store(invocation);
    Image image =
        identify_image(invocation.spec.sandbox.image, store ? &*store : nullptr, shared ? &*shared : nullptr);
    if (image.kind == ImageKind::host) {
        throw UsageError(image.name, "this machine's own root is not exported",
                         "name an image: a stored one, a tar, or a directory that holds a root");
    }
    OutputFile output{invocation.output};
    refuse_terminal(output.fd());
    const bool single = invocation.spec.sandbox.user_namespace == UserNamespace::single;
    const MappingRequest wanted{host.uid,
                                host.gid,
                                single ? MapKind::single_root : MapKind::root_is_you,
                                invocation.spec.sandbox.use_domain,
                                false,
                                store_path};
    const TreeMapping trees{wanted, mapping_for_trees(wanted, prepare_mapping(wanted, log))};
    if (image.kind == ImageKind::tree) {
        if (!store) {
            store.emplace(store_path);
        }
        provide_tree(image, *store, trees, log);
    }
    export_layers(image.name, image.layers, trees.mapping, output.fd(), log);
    output.complete();
    return 0;
}

} // namespace sandbox
