// SPDX-License-Identifier: Apache-2.0
// The ustar format with pax headers for attributes. POSIX.1-2017, pax, "ustar Interchange Format".
#include "archive.hpp"

#include <cstdio>
#include <cstring>

#include "harness.hpp"

namespace sandbox::test {

namespace {

constexpr std::size_t block = 512;

std::string padded(const std::string& content) {
    return content + std::string((block - content.size() % block) % block, '\0');
}

std::string octal(std::uint64_t value, int width) {
    char text[32];
    (void)std::snprintf(text, sizeof text, "%0*llo", width - 1, static_cast<unsigned long long>(value));
    return {text, static_cast<std::size_t>(width - 1)};
}

std::string header(const Entry& entry, std::size_t size) {
    std::string bytes(block, '\0');
    const auto put = [&](std::size_t at, const std::string& text) { bytes.replace(at, text.size(), text); };
    put(0, entry.name.substr(0, 100));
    put(100, octal(entry.mode, 8));
    put(108, octal(entry.uid, 8));
    put(116, octal(entry.gid, 8));
    put(124, octal(size, 12));
    put(136, octal(static_cast<std::uint64_t>(entry.mtime), 12));
    put(148, "        ");
    bytes[156] = entry.type;
    put(157, entry.link.substr(0, 100));
    put(257, std::string{"ustar\0"
                         "00",
                         8});
    put(329, octal(1, 8));
    put(337, octal(3, 8));
    unsigned sum = 0;
    for (const char c : bytes) {
        sum += static_cast<unsigned char>(c);
    }
    put(148, octal(sum, 7) + std::string{"\0 ", 2});
    return bytes;
}

/// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string pax_record(const std::string& key, const std::string& value) {
    const std::string rest = " " + key + "=" + value + "\n";
    std::size_t length = rest.size() + 1;
    while (std::to_string(length).size() + rest.size() != length) {
        ++length;
    }
    return std::to_string(length) + rest;
}

std::string extract_busybox() {
    return run({"tar", "-xOf", image_path("busybox.tar"), "--wildcards", "*bin/busybox"}).out;
}

} // namespace

std::string make_archive(const std::vector<Entry>& entries) {
    std::string bytes;
    for (const Entry& entry : entries) {
        if (!entry.attributes.empty()) {
            std::string records;
            for (const auto& [name, value] : entry.attributes) {
                records += pax_record("SCHILY.xattr." + name, value);
            }
            Entry extended;
            extended.name = "PaxHeaders/x";
            extended.type = 'x';
            bytes += header(extended, records.size()) + padded(records);
        }
        bytes += header(entry, entry.content.size()) + padded(entry.content);
    }
    return bytes + std::string(2 * block, '\0');
}

const std::string& busybox_binary() {
    static const std::string bytes = extract_busybox();
    return bytes;
}

std::string write_image(const std::filesystem::path& path, const std::vector<Entry>& entries) {
    std::vector<Entry> all{{"bin/", "", '5'}, {"bin/busybox", busybox_binary()}};
    for (const char* applet :
         {"sh",    "cat", "ls",    "stat",  "id",    "touch", "rm",   "mv",     "mkdir", "readlink", "test",
          "sleep", "ps",  "chown", "chmod", "mount", "true",  "date", "md5sum", "find",  "sync"}) {
        all.push_back({std::string{"bin/"} + applet, "", '2', "busybox"});
    }
    all.insert(all.end(), entries.begin(), entries.end());
    write_text(path, make_archive(all));
    return path;
}

} // namespace sandbox::test
