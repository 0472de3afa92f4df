// SPDX-License-Identifier: Apache-2.0
// The commands of the store: import, images, rmi, prune.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <set>
#include <tuple>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "host/host_facts.hpp"
#include "idmap/mapping.hpp"
#include "image/catalog.hpp"
#include "image/collect.hpp"
#include "image/image.hpp"
#include "image/names.hpp"
#include "rootfs/run_directory.hpp"
#include "start.hpp"

namespace sandbox {

namespace {

/// What each of the commands works on.
struct Context {
    const Invocation& invocation;
    const Log& log;
    HostFacts host;
    std::string store_path;
};

/// @param store what the ids are for; a shared one has one kind of tree
MappingRequest mapping_request(const Context& context, const Store& store) {
    const MapKind kind =
        store.is_shared()                                                          ? MapKind::single_root
        : context.invocation.spec.sandbox.user_namespace == UserNamespace::single  ? MapKind::single_root
        : context.invocation.spec.sandbox.user_namespace == UserNamespace::keep_id ? MapKind::keep_id
                                                                                   : MapKind::root_is_you;
    return {context.host.uid,  context.host.gid, kind, context.invocation.spec.sandbox.use_domain, false,
            context.store_path};
}

/// Commands that only look, or remove, need no store to be made for them.
std::optional<Store> open_store_if_exists(const Context& context, StoreUse use) {
    std::optional<Store> store;
    if (::access(context.store_path.c_str(), F_OK) == 0) {
        store.emplace(context.store_path, use);
    }
    return store;
}

std::string short_id(const std::string& id) {
    return std::string{hex_of(id).substr(0, 12)};
}

void say(const std::string& text) {
    write_all(STDOUT_FILENO, text + "\n", "stdout");
}

int do_import(const Context& context) {
    const auto& words = context.invocation.words;
    if (words.empty() || words.size() > 2) {
        throw UsageError("import", words.empty() ? "no file is named" : "too many words",
                         "sandbox import FILE|DIR|- [NAME]");
    }
    std::string name = words.size() == 2 ? words[1] : context.invocation.image_name;
    if (!name.empty()) {
        const auto canonical = canonical_image_name(name);
        if (!canonical) {
            throw UsageError(printable(name), "not an image's name",
                             "lower-case letters, digits, and . _ - / within: alpine, team/app:v1");
        }
        name = *canonical;
    }
    if (context.invocation.shareable && context.invocation.root.empty()) {
        throw UsageError("--shareable", "says that a store is for others too, but not which",
                         "sandbox import --root DIR --shareable " + words[0]);
    }
    const Store store{context.store_path, context.invocation.shareable ? StoreUse::share : StoreUse::manage};
    const MappingRequest request = mapping_request(context, store);
    TreeMapping trees{request, mapping_for_trees(request, prepare_mapping(request, context.log))};
    if (store.is_shared()) {
        trees.mapping.key = shared_map_key;
    }
    const Imported imported = import_image(words[0], name, store, trees, context.log);
    for (const std::string& each : imported.names) {
        say(each + " " + short_id(imported.id) + (imported.was_there ? " (was there already)" : ""));
    }
    return 0;
}

/// One line of the list.
struct Listed {
    std::string name; ///< empty: only a known file leads to it
    ImageRecord record;
    std::uint64_t size = 0;
    bool shared = false; ///< of --shared-root
};

std::vector<Listed> list_store(const Store& store) {
    const std::vector<NamedImage> names = list_image_names(store);
    std::vector<Listed> listed;
    for (ImageRecord& record : list_images(store)) {
        std::uint64_t size = 0;
        for (const ImageLayer& layer : record.layers) {
            size += layer.size;
        }
        bool named = false;
        for (const NamedImage& image : names) {
            if (image.id == record.id) {
                listed.push_back({image.name, record, size, store.is_shared()});
                named = true;
            }
        }
        if (!named) {
            listed.push_back({{}, std::move(record), size, store.is_shared()});
        }
    }
    std::sort(listed.begin(), listed.end(), [](const Listed& a, const Listed& b) {
        return std::tie(a.name, a.record.id) < std::tie(b.name, b.record.id);
    });
    return listed;
}

/// Shared layers count once.
std::uint64_t size_of_all(const std::vector<Listed>& listed) {
    std::set<std::string> seen;
    std::uint64_t total = 0;
    for (const Listed& image : listed) {
        for (const ImageLayer& layer : image.record.layers) {
            total += seen.insert(layer.digest).second ? layer.size : 0;
        }
    }
    return total;
}

std::string date_of(std::int64_t seconds, const char* format) {
    const std::time_t time = seconds;
    struct tm parts {};
    char text[64];
    (void)::gmtime_r(&time, &parts);
    return {text, std::strftime(text, sizeof text, format, &parts)};
}

std::string in_megabytes(std::uint64_t bytes) {
    const std::uint64_t tenths = (bytes + 50'000) / 100'000;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

void write_json_texts(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
    json.key(key).begin_array();
    for (const std::string& text : texts) {
        json.value(text);
    }
    json.end_array();
}

std::string list_as_json(const std::vector<Listed>& listed) {
    JsonWriter json;
    json.begin_object().key("images").begin_array();
    for (const auto& [name, record, size, shared] : listed) {
        json.begin_object().key("name").value(name).key("id").value(record.id).key("size").value(size);
        json.key("shared").value(shared);
        json.key("imported").value(date_of(record.imported_at, "%Y-%m-%dT%H:%M:%SZ"));
        json.key("source").value(record.source).key("layers").begin_array();
        for (const ImageLayer& layer : record.layers) {
            json.begin_object().key("digest").value(layer.digest).key("size").value(layer.size).end_object();
        }
        json.end_array().key("config").begin_object();
        write_json_texts(json, "env", record.config.environment);
        write_json_texts(json, "entrypoint", record.config.entrypoint);
        write_json_texts(json, "cmd", record.config.command);
        write_json_texts(json, "labels", record.config.labels);
        write_json_texts(json, "ports", record.config.ports);
        json.key("workdir").value(record.config.working_directory).key("user").value(record.config.user);
        json.key("stop_signal").value(record.config.stop_signal).end_object().end_object();
    }
    json.end_array().key("size").value(size_of_all(listed)).end_object();
    return json.text();
}

std::string list_as_text(const std::vector<Listed>& listed) {
    std::vector<std::array<std::string, 5>> rows{{"NAME", "ID", "LAYERS", "SIZE", "IMPORTED"}};
    for (const auto& [name, record, size, shared] : listed) {
        rows.push_back({name.empty() ? "- (" + printable(record.source) + ")" : name, short_id(record.id),
                        std::to_string(record.layers.size()), in_megabytes(size),
                        date_of(record.imported_at, "%Y-%m-%d %H:%M") + (shared ? " (shared)" : "")});
    }
    std::array<std::size_t, 5> widths{};
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i + 1 < row.size(); ++i) {
            text += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
        }
        text += row.back() + "\n";
    }
    return text + in_megabytes(size_of_all(listed)) + " in all, shared layers counted once";
}

int do_images(const Context& context) {
    if (!context.invocation.words.empty()) {
        throw UsageError("images " + printable(context.invocation.words[0]), "the list takes no words",
                         "sandbox images [--json]");
    }
    const auto store = open_store_if_exists(context, StoreUse::read);
    std::vector<Listed> listed = store ? list_store(*store) : std::vector<Listed>{};
    if (const auto shared = open_shared_store(context.invocation)) {
        for (Listed& image : list_store(*shared)) {
            image.shared = true;
            listed.push_back(std::move(image));
        }
    }
    if (context.invocation.spec.json) {
        say(list_as_json(listed));
    } else if (!listed.empty()) {
        say(list_as_text(listed));
    }
    return 0;
}

int do_rmi(const Context& context) {
    if (context.invocation.words.empty()) {
        throw UsageError("rmi", "no image is named", "sandbox rmi NAME...; sandbox images lists them");
    }
    const auto store = open_store_if_exists(context, StoreUse::manage);
    if (!store) {
        throw UsageError(printable(context.invocation.words[0]),
                         "no stored image has this name: there is no store", "sandbox import puts one there");
    }
    const Mapping mapping = prepare_mapping(mapping_request(context, *store), context.log);
    // As rm(1): what cannot be removed does not keep the rest. The last failure is thrown, those before it
    // told.
    std::optional<Error> failure;
    for (const std::string& word : context.invocation.words) {
        try {
            const RemovedImage removed = remove_image(*store, word, mapping);
            for (const std::string& name : removed.names) {
                say("untagged " + name);
            }
            if (!removed.id.empty() && removed.collected) {
                say("removed " + short_id(removed.id));
            } else if (!removed.id.empty()) {
                context.log.note(short_id(removed.id) +
                                 ": its files stay for now, for an import is under way or a record is "
                                 "damaged\nhint: sandbox prune removes them, or says why not");
            }
        } catch (const Error& error) {
            if (failure) {
                context.log.result("sandbox: " + printable(failure->what()) +
                                   (failure->hint().empty() ? "" : "\nhint: " + printable(failure->hint())));
            }
            failure = error;
        }
    }
    if (failure) {
        throw Error{*failure};
    }
    return 0;
}

std::string counted(unsigned count, const char* what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

int do_prune(const Context& context) {
    if (!context.invocation.words.empty()) {
        throw UsageError("prune " + printable(context.invocation.words[0]), "prune takes no words",
                         "sandbox rmi removes an image by its name");
    }
    const auto store = open_store_if_exists(context, StoreUse::manage);
    if (!store) {
        return 0;
    }
    const Mapping mapping = prepare_mapping(mapping_request(context, *store), context.log);
    const Collected collected = collect(*store, mapping, true);
    const unsigned runs = prune_runs(*store, mapping);
    say("removed " + counted(collected.images, "image") + ", " + counted(collected.layers, "layer") + ", " +
        counted(collected.imports, "unfinished import") + ", " + counted(runs, "dead run"));
    if (collected.import_runs) {
        context.log.note("an import is under way, so images and layers were left alone");
    }
    for (const std::string& hex : collected.damaged) {
        context.log.note(
            "images/" + printable(hex) +
            ": the record is damaged, so no layers were removed\nhint: import that image again, or "
            "remove its name with sandbox rmi");
    }
    return 0;
}

} // namespace

int run_store_command(const Invocation& invocation, const Environment& caller) {
    const Log log{invocation.log_level};
    const std::string* home = caller.find("HOME");
    HostFacts host = look_at_host(home != nullptr ? *home : "");
    const std::string path = store_path_of(invocation, caller, host.home);
    const Context context{invocation, log, std::move(host), path};
    constexpr std::pair<std::string_view, int (*)(const Context&)> commands[] = {
        {"import", do_import}, {"images", do_images}, {"rmi", do_rmi}, {"prune", do_prune}};
    for (const auto& [name, function] : commands) {
        if (invocation.command == name) {
            return function(context);
        }
    }
    throw Error(invocation.command, "is no command of the store");
}

} // namespace sandbox
