// SPDX-License-Identifier: Apache-2.0
// Two worlds.
#include "build/world.hpp"

#include "base/text.hpp"

namespace sandbox {

World standard_world(const std::string& place) {
    World world;
    world.place = place;
    return world;
}

World varied_world(const std::string& place, Variations variations, const std::string& other_locale) {
    World world = standard_world(place);
    const auto varies = [&](Variation variation) { return (variations & bit_of(variation)) != 0; };
    if (varies(Variation::hostname)) {
        world.hostname = "elsewhere";
    }
    if (varies(Variation::user)) {
        world.user = "somebody";
        world.uid = 2017;
        world.gid = 2019;
    }
    if (varies(Variation::umask)) {
        world.umask = 002;
    }
    if (varies(Variation::locale)) {
        world.locale = other_locale.empty() ? "POSIX" : other_locale;
        world.locale_for_all = true;
    }
    if (varies(Variation::timezone)) {
        world.timezone = "FAR-13:45"; // POSIX' own form, which needs no zone file. tzset(3)
    }
    if (varies(Variation::environment)) {
        world.variables.emplace_back("SANDBOX_CHECK_NOISE", "noise-of-the-environment");
    }
    world.one_processor = varies(Variation::processors);
    world.fixed_addresses = varies(Variation::addresses);
    world.other_release = varies(Variation::kernel);
    world.reversed_order = varies(Variation::order);
    if (varies(Variation::path)) {
        world.place = place + "-elsewhere";
    }
    return world;
}

namespace {

/// The lines of a passwd(5) or group(5) that name neither the name nor the number in the third field.
std::string lines_without(const std::string& text, const std::string& name, std::uint32_t id) {
    std::string kept;
    for (const std::string_view line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() >= 3 && fields[0] != name && fields[2] != std::to_string(id)) {
            kept += std::string{line} + "\n";
        }
    }
    return kept;
}

} // namespace

std::string passwd_of(const World& world, const std::string& image_text) {
    const std::string others =
        image_text.empty() ? "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
                           : lines_without(image_text, world.user, world.uid);
    return others + world.user + ":x:" + std::to_string(world.uid) + ":" + std::to_string(world.gid) +
           "::/homeless:/bin/sh\n";
}

std::string group_of(const World& world, const std::string& image_text) {
    const std::string others = image_text.empty() ? "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"
                                                  : lines_without(image_text, world.user, world.gid);
    return others + world.user + ":x:" + std::to_string(world.gid) + ":\n";
}

} // namespace sandbox
